#include "guests/boundary.h"

#include <cstdlib>
#include <exception>
#include <mutex>

#include "guests/registry.h"

namespace {

thread_local sesha_boundary* innermost = nullptr;

std::terminate_handler next_terminate = nullptr;

/// For C++ exceptions that nobody catches: the C++ runtime is shared by all guests, and so is its
/// handler.
[[noreturn]] void terminate() {
  sesha_boundary_die("an uncaught C++ exception");
  if (next_terminate != nullptr) next_terminate();
  std::abort();
}

}  // namespace

extern "C" void sesha_boundary_push(sesha_boundary* boundary, sesha_interpreter* interpreter) {
  static std::once_flag once;
  std::call_once(once, [] { next_terminate = std::set_terminate(terminate); });
  boundary->outer = innermost;
  boundary->interpreter = interpreter;
  boundary->cause = nullptr;
  innermost = boundary;
}

extern "C" void sesha_boundary_pop(sesha_boundary* boundary) { innermost = boundary->outer; }

extern "C" sesha_interpreter* sesha_boundary_interpreter(void) {
  return innermost == nullptr ? nullptr : innermost->interpreter;
}

extern "C" void sesha_boundary_die(const char* cause) {
  sesha_boundary* boundary = innermost;
  // The host is no guest: what aborts there ends the process, as it would without us.
  if (boundary == nullptr || boundary->interpreter->index == 0) return;
  innermost = boundary->outer;
  boundary->cause = cause;
  boundary->interpreter->alive = false;
  longjmp(boundary->environment, 1);
}
