// What Swift needs of libsrt and Linux that `import Glibc` does not show.
#pragma once
#include <linux/filter.h>
#include <srt/access_control.h>
#include <srt/srt.h>
#include <sys/prctl.h>

// prctl has variable arguments, pthread_setname_np is hidden behind _GNU_SOURCE: Swift sees neither.
// At most 15 characters show up in ps, top and debuggers.
static inline void srt_transport_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
