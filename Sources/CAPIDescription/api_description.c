#include "api_description.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char yaml[] = {
#embed "openapi.yaml"
};
static const unsigned char style[] = {
#embed "page.css"
};

const unsigned char *api_description_yaml(size_t *count) {
    *count = sizeof yaml;
    return yaml;
}

const unsigned char *api_description_style(size_t *count) {
    *count = sizeof style;
    return style;
}
