// Vd
