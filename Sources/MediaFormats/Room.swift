// MediaFormats
