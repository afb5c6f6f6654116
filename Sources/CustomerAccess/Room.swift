// CustomerAccess
