// PremisesUnit
