// MediaDistribution
