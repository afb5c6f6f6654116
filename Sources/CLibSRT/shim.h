// What Swift needs of libsrt and Linux that `import Glibc` does not show.
#pragma once
#include <srt/access_control.h>
#include <srt/srt.h>
