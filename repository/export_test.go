package repository

// CheckInfo is what a Reader asks of the metadata before it downloads.
var CheckInfo = checkInfo
