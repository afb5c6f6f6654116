// CustomerUnit
