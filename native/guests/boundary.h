// Where a call enters a guest, and where it comes out when the guest dies underneath.
//
// **Guarantees:** when code of an interpreter calls abort() (Py_FatalError does), fails an
// assertion or lets a C++ exception escape, in a thread that entered it through a boundary, that
// thread continues at the innermost boundary, with the interpreter marked dead; frames in between
// are left without being unwound. Without a boundary the process ends, as it would have.
//
// **This code assumes:** a boundary lives on its thread's stack and is pushed and popped in order.
// Nothing between a boundary and the guest's code holds a lock or memory that anyone else needs.
#ifndef SESHA_GUESTS_BOUNDARY_H_
#define SESHA_GUESTS_BOUNDARY_H_

#include <setjmp.h>

#include "sesha.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sesha_boundary {
  struct sesha_boundary* outer;
  sesha_interpreter* interpreter;
  jmp_buf environment;
  const char* cause;  ///< after a death: what happened
} sesha_boundary;

/// Call as `if (setjmp(b.environment) == 0) { push; work; pop; } else { it died; }`; after a death
/// it is popped already.
SESHA_API void sesha_boundary_push(sesha_boundary* boundary, sesha_interpreter* interpreter);
SESHA_API void sesha_boundary_pop(sesha_boundary* boundary);
/// The interpreter that this thread last entered and has not left; null when there is none.
SESHA_API sesha_interpreter* sesha_boundary_interpreter(void);
/// Leaves through the innermost boundary, if there is one; else returns.
SESHA_API void sesha_boundary_die(const char* cause);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_GUESTS_BOUNDARY_H_
