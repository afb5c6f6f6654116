// Files that the program carries. Swift's own way, a literal of numbers for each file, took the compiler more than a minute
// for the description.
#pragma once
#include <stddef.h>

// The octets of Schemas/openapi.yaml, and of the style sheet of the page that is made of it.
const unsigned char *api_description_yaml(size_t *count);
const unsigned char *api_description_style(size_t *count);
