// ServiceControl
