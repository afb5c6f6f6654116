// FFmpeg's libraries: decoding one picture, scaling it, encoding it as JPEG.
#pragma once
#include <libavcodec/avcodec.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
