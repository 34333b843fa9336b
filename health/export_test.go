package health

var IDOverAll = idOverAll
