// The text of a thread's last failure.
#include <cstdarg>
#include <cstdio>

#include "sesha.h"

namespace {
thread_local char last_error[4096];
}

extern "C" const char* sesha_last_error(void) { return last_error; }

extern "C" sesha_status sesha_fail(sesha_status status, const char* format, ...) {
  // Through a second buffer, since an argument may be the old text.
  char text[sizeof last_error];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  __builtin_memcpy(last_error, text, sizeof text);
  return status;
}
