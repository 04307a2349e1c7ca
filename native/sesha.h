// The common header of libsesha's C ABI.
//
// libsesha is loaded once per process and shared by the host's Python and every guest, so it knows
// neither Python nor torch. What needs Python lives in the binding (native/binding), of which every
// interpreter has its own copy; a binding tells the core about its interpreter with a
// `sesha_binding` table.
#ifndef SESHA_H_
#define SESHA_H_

#include <stddef.h>
#include <stdint.h>

#define SESHA_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/// How a call of the C ABI ended. Unless it is SESHA_OK, sesha_last_error() says why.
typedef enum sesha_status {
  SESHA_OK = 0,
  SESHA_ERROR = 1,        ///< sesha_last_error() names the cause and the next step
  SESHA_TIMEOUT = 2,      ///< the caller's time ran out
  SESHA_INTERRUPTED = 3,  ///< a signal arrived while waiting; look at it, then wait again
  SESHA_CLOSED = 4,       ///< the pool is shut down
  SESHA_FULL = 5,         ///< the bounded queue has no room
  SESHA_DIED = 6,         ///< the interpreter died during the call (Py_FatalError, abort)
  SESHA_MEMORY = 7,       ///< out of memory
} sesha_status;

/// Text of this thread's last failure, in UTF-8; valid until this thread's next failure.
SESHA_API const char* sesha_last_error(void);
/// Sets it (printf-style) and returns `status`, so that `return sesha_fail(SESHA_ERROR, "...")`
/// reads well.
SESHA_API sesha_status sesha_fail(sesha_status status, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

/// One Python interpreter of this process: index 0 is the host's, guests count from 1 and are never
/// re-used.
typedef struct sesha_interpreter sesha_interpreter;
/// An encoded call or reply; defined by native/exchange/message.h.
typedef struct sesha_message sesha_message;

/// What an interpreter's binding offers the core. Every function may be called by any OS thread
/// that holds no GIL at all; each takes its interpreter's GIL and gives it back before it returns.
typedef struct sesha_binding {
  uint32_t abi;  ///< SESHA_BINDING_ABI
  /// Decodes `request`, calls, encodes `*reply` (also when Python code raised: that is a reply
  /// too). Takes ownership of `request` in every case. SESHA_DIED if the interpreter died
  /// underneath.
  sesha_status (*call)(sesha_interpreter* self, sesha_message* request, sesha_message** reply);
  /// Runs the releases queued for this interpreter (exchange/lease.h).
  void (*drain)(sesha_interpreter* self);
  /// Raises KeyboardInterrupt (kind 0) or sesha.CallTimeout (kind 1) in the Python code that the OS
  /// thread `thread` (a pthread_t) runs in this interpreter, if it still runs call number `serial`.
  void (*interrupt)(sesha_interpreter* self, unsigned long thread, uint64_t serial, int kind);
  /// Ends the interpreter: joins its threads, runs atexit functions, Py_FinalizeEx.
  sesha_status (*finalize)(sesha_interpreter* self);
} sesha_binding;

#define SESHA_BINDING_ABI 1u

SESHA_API uint32_t sesha_interpreter_index(const sesha_interpreter* interpreter);
SESHA_API const sesha_binding* sesha_interpreter_binding(const sesha_interpreter* interpreter);
/// The host's entry (index 0); `binding` must stay valid for the life of the process. Called once,
/// at the host's import of sesha._native; a second call returns the same entry.
SESHA_API sesha_interpreter* sesha_register_host(const sesha_binding* binding);
/// The interpreter with that index; null when there is none or it is finalised or dead.
SESHA_API sesha_interpreter* sesha_find_interpreter(uint32_t index);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_H_
