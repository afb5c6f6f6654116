// CentreManagement
