// Force-included (gcc -include) into load generators that make stream IDs of a number: where the pattern is @FILE, the
// ID is line NUMBER of FILE instead, as tickets want it. What follows a space in that line is the SRT passphrase.
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char ids_passphrase[128];

static int ids_snprintf(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (format[0] != '@') {
        int length = vsnprintf(text, size, format, arguments);
        va_end(arguments);
        return length;
    }
    int number = va_arg(arguments, int);
    va_end(arguments);
    char line[1024] = "";
    FILE *file = fopen(format + 1, "r");
    for (int i = 0; file && i <= number; i++)
        if (!fgets(line, sizeof line, file)) line[0] = 0;
    if (file) fclose(file);
    line[strcspn(line, "\n")] = 0;
    char *space = strchr(line, ' ');
    ids_passphrase[0] = 0;
    if (space) {
        *space = 0;
        snprintf(ids_passphrase, sizeof ids_passphrase, "%s", space + 1);
    }
    return snprintf(text, size, "%s", line);
}

#ifdef WITH_SRT
#include <srt/srt.h>
static int ids_setsockflag(SRTSOCKET socket, SRT_SOCKOPT option, const void *value, int length) {
    if (option == SRTO_PASSPHRASE && ids_passphrase[0]) {
        value = ids_passphrase;
        length = (int)strlen(ids_passphrase);
    }
    return srt_setsockflag(socket, option, value, length);
}
#define srt_setsockflag ids_setsockflag
#endif
#define snprintf ids_snprintf
