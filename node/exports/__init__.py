"""Writers of formats that others read: licences, data sets and usage as they stand in the log."""
