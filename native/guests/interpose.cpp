// The C library's functions that images call in a version of ours: images refer to them by these
// names.
//
// The caller's address tells which guest is calling. Code that has none, such as a libffi closure,
// counts to the interpreter that its thread has entered.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "guests/boundary.h"
#include "guests/child_signals.h"
#include "guests/forks.h"
#include "guests/guest.h"
#include "guests/registry.h"
#include "guests/spaces.h"
#include "images/interposed.h"
#include "images/loader.h"
#include "images/naming.h"

using sesha::images::Library;
using sesha::images::library_at;
using sesha::images::Space;

namespace {

/// What dlerror() has to say of a failure of ours; the C library has its own for the others.
thread_local std::string* last_error = nullptr;

void set_error(const char* text) {
  if (last_error == nullptr) last_error = new std::string();
  *last_error = text;
}

void clear_error() {
  if (last_error != nullptr) last_error->clear();
}

Space* space_for(const Library* caller) {
  return caller != nullptr ? caller->space : sesha::guests::space_of(sesha_boundary_interpreter());
}

void* open(const char* name, int flags, const void* address) {
  const Library* caller = library_at(address);
  Space* space = space_for(caller);
  if (space == nullptr) return dlopen(name, flags);
  clear_error();
  try {
    void* handle = space->open(name, flags, caller);
    dlerror();  // of attempts before
    return handle;
  } catch (const std::exception& error) {
    set_error(error.what());
    return nullptr;
  }
}

void* symbol(void* handle, const char* name, const char* version, const void* address) {
  const Library* caller = library_at(address);
  Space* space = space_for(caller);
  if (space == nullptr)
    return version == nullptr ? dlsym(handle, name) : dlvsym(handle, name, version);
  clear_error();
  void* found = space->symbol(handle, name, caller, version);
  if (found != nullptr) {
    dlerror();  // of attempts before
  } else {
    const char* reason = dlerror();
    set_error(reason != nullptr ? reason : (std::string("undefined symbol: ") + name).c_str());
  }
  return found;
}

/// The library whose image a handle stands for; null for the process's own libraries.
const Library* image_of(void* handle) {
  link_map* map = nullptr;
  if (handle == nullptr || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) return nullptr;
  return library_at(map->l_ld);
}

[[noreturn]] void die(const char* cause) {
  sesha_boundary_die(cause);
  abort();
}

struct ThreadDestructor {
  void (*function)(void*);
  void* object;
  sesha_interpreter* guest;
};

/// On the main thread these run during exit(), when the host's Python is gone and a guest's may be
/// in the middle of anything; and a guest that has ended has no objects left to destroy. The memory
/// goes with the process.
void run_thread_destructor(void* context) {
  auto* destructor = static_cast<ThreadDestructor*>(context);
  const bool main_thread = syscall(SYS_gettid) == getpid();
  const bool ended = destructor->guest != nullptr && !destructor->guest->alive;
  if (!main_thread && !ended) destructor->function(destructor->object);
  delete destructor;
}

}  // namespace

extern "C" {

int __cxa_thread_atexit_impl(void (*)(void*), void*, void*);

SESHA_API void* sesha_image_dlopen(const char* name, int flags) {
  return open(name, flags, __builtin_return_address(0));
}

SESHA_API void* sesha_image_dlmopen(Lmid_t, const char* name, int flags) {
  return open(name, flags, __builtin_return_address(0));
}

SESHA_API void* sesha_image_dlsym(void* handle, const char* name) {
  return symbol(handle, name, nullptr, __builtin_return_address(0));
}

SESHA_API void* sesha_image_dlvsym(void* handle, const char* name, const char* version) {
  return symbol(handle, name, version, __builtin_return_address(0));
}

SESHA_API int sesha_image_dlclose(void* handle) {
  return image_of(handle) != nullptr ? 0 : dlclose(handle);
}

SESHA_API char* sesha_image_dlerror() {
  if (last_error == nullptr || last_error->empty()) return dlerror();
  // The text must stay until the next call, and a second call must find nothing.
  thread_local std::string* told = new std::string();
  told->clear();
  std::swap(*told, *last_error);
  return told->data();
}

SESHA_API int sesha_image_dladdr(const void* address, Dl_info* info) {
  const int found = dladdr(address, info);
  if (found != 0) {
    if (const Library* library = library_at(address))
      info->dli_fname = library->object->path().c_str();
    if (info->dli_sname != nullptr) info->dli_sname = sesha::images::original_name(info->dli_sname);
  }
  return found;
}

SESHA_API int sesha_image_dladdr1(const void* address, Dl_info* info, void** extra, int flags) {
  const int found = dladdr1(address, info, extra, flags);
  if (found != 0) {
    if (const Library* library = library_at(address))
      info->dli_fname = library->object->path().c_str();
    if (info->dli_sname != nullptr) info->dli_sname = sesha::images::original_name(info->dli_sname);
  }
  return found;
}

// Guests end without destructors: they may be in the middle of a call when the process exits.
SESHA_API int sesha_image_cxa_atexit(void (*)(void*), void*, void*) { return 0; }
SESHA_API int sesha_image_on_exit(void (*)(int, void*), void*) { return 0; }
SESHA_API int sesha_image_at_quick_exit(void (*)()) { return 0; }
SESHA_API int sesha_image_cxa_at_quick_exit(void (*)(void*), void*) { return 0; }

SESHA_API int sesha_image_cxa_thread_atexit(void (*function)(void*), void* object, void* module) {
  sesha_interpreter* guest = sesha_guest_at(__builtin_return_address(0));
  return __cxa_thread_atexit_impl(run_thread_destructor,
                                  new ThreadDestructor{function, object, guest}, module);
}

SESHA_API int sesha_image_sigaction(int signal, const struct sigaction* action,
                                    struct sigaction* old) {
  const sesha_interpreter* guest = sesha_guest_at(__builtin_return_address(0));
  if (signal != SIGCHLD || guest == nullptr) return sigaction(signal, action, old);
  return sesha::guests::set_child_action(guest, action, old);
}

SESHA_API sighandler_t sesha_image_signal(int number, sighandler_t handler) {
  const sesha_interpreter* guest = sesha_guest_at(__builtin_return_address(0));
  if (number != SIGCHLD || guest == nullptr) return signal(number, handler);
  struct sigaction action = {}, old = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sesha::guests::set_child_action(guest, &action, &old);
  return old.sa_handler;
}

SESHA_API pid_t sesha_image_fork() {
  return sesha::guests::fork_from(sesha_guest_at(__builtin_return_address(0)));
}

// What pthread_atfork() calls, which is linked into each library.
SESHA_API int sesha_image_register_atfork(void (*prepare)(), void (*parent)(), void (*child)(),
                                          void*) {
  const sesha_interpreter* guest = sesha_guest_at(__builtin_return_address(0));
  if (guest == nullptr) return pthread_atfork(prepare, parent, child);
  return sesha::guests::add_fork_handlers(guest, prepare, parent, child);
}

SESHA_API void sesha_image_abort() { die("abort() was called"); }

SESHA_API void sesha_image_assert_fail(const char* assertion, const char* file, unsigned line,
                                       const char* function) {
  fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line,
          function != nullptr ? function : "?", assertion);
  die("an assertion failed");
}

}  // extern "C"

namespace sesha::images {
namespace {

struct Interposed {
  std::string_view name;
  std::string_view ours;
  void* address;
};

template <typename F>
void* address_of(F* function) {
  return reinterpret_cast<void*>(function);
}

const Interposed kInterposed[] = {
    {"dlopen", "sesha_image_dlopen", address_of(sesha_image_dlopen)},
    {"dlmopen", "sesha_image_dlmopen", address_of(sesha_image_dlmopen)},
    {"dlsym", "sesha_image_dlsym", address_of(sesha_image_dlsym)},
    {"dlvsym", "sesha_image_dlvsym", address_of(sesha_image_dlvsym)},
    {"dlclose", "sesha_image_dlclose", address_of(sesha_image_dlclose)},
    {"dlerror", "sesha_image_dlerror", address_of(sesha_image_dlerror)},
    {"dladdr", "sesha_image_dladdr", address_of(sesha_image_dladdr)},
    {"dladdr1", "sesha_image_dladdr1", address_of(sesha_image_dladdr1)},
    {"__cxa_atexit", "sesha_image_cxa_atexit", address_of(sesha_image_cxa_atexit)},
    {"on_exit", "sesha_image_on_exit", address_of(sesha_image_on_exit)},
    {"at_quick_exit", "sesha_image_at_quick_exit", address_of(sesha_image_at_quick_exit)},
    {"__cxa_at_quick_exit", "sesha_image_cxa_at_quick_exit",
     address_of(sesha_image_cxa_at_quick_exit)},
    {"__cxa_thread_atexit", "sesha_image_cxa_thread_atexit",
     address_of(sesha_image_cxa_thread_atexit)},
    {"__cxa_thread_atexit_impl", "sesha_image_cxa_thread_atexit",
     address_of(sesha_image_cxa_thread_atexit)},
    {"sigaction", "sesha_image_sigaction", address_of(sesha_image_sigaction)},
    {"signal", "sesha_image_signal", address_of(sesha_image_signal)},
    {"fork", "sesha_image_fork", address_of(sesha_image_fork)},
    {"__register_atfork", "sesha_image_register_atfork", address_of(sesha_image_register_atfork)},
    {"pthread_atfork", "sesha_image_register_atfork", address_of(sesha_image_register_atfork)},
    {"abort", "sesha_image_abort", address_of(sesha_image_abort)},
    {"__assert_fail", "sesha_image_assert_fail", address_of(sesha_image_assert_fail)},
};

const Interposed* find(std::string_view name) {
  for (const Interposed& entry : kInterposed) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string_view> interposed_name(std::string_view name) {
  const Interposed* found = find(name);
  if (found == nullptr) return std::nullopt;
  return found->ours;
}

void* interposed_address(std::string_view name) {
  const Interposed* found = find(name);
  return found == nullptr ? nullptr : found->address;
}

}  // namespace sesha::images
