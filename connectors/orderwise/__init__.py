"""OrderWise, the ERP. It has no public vendor reference: nothing outside this package knows its paths, names and texts."""
