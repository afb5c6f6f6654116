// Vs
