// Vm
