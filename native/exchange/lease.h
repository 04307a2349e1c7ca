// Leases: what one interpreter lends to others, and how it comes back.
//
// **Guarantees:** a lease's release function runs exactly once, in a thread that holds the origin's
// GIL, after the last reference is gone; or never, if the origin has closed its queue (it is
// finalised or dead), in which case what was lent stays in memory. Retaining and releasing never
// block on a GIL, call no Python and may happen in any thread, whichever GILs it holds.
//
// **This code assumes:** whoever enters or leaves a call holds the origin's GIL and calls
// sesha_releases_run(); the attendant calls the binding's `drain` for an origin that is idle; the
// owner does not move or free lent memory
// (`tensor.resize_`, `ndarray.resize(refcheck=False)`) while a lease lives.
#ifndef SESHA_EXCHANGE_LEASE_H_
#define SESHA_EXCHANGE_LEASE_H_

#include "sesha.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sesha_lease sesha_lease;

/// What is lent: memory (`data`, `size` bytes) or, with `data` null, an object of the origin
/// (`context`).
typedef struct sesha_loan {
  void* data;
  size_t size;
  sesha_interpreter* origin;
  /// Gives `context` back; called with the origin's GIL held. It must not raise, and not wait for
  /// another GIL.
  void (*release)(void* context);
  void* context;
} sesha_loan;

/// A lease with one reference; null when memory ran out (then `release` is not called).
SESHA_API sesha_lease* sesha_lease_new(const sesha_loan* loan);
SESHA_API void sesha_lease_retain(sesha_lease* lease);
/// Null is allowed.
SESHA_API void sesha_lease_release(sesha_lease* lease);
/// The loan, valid while the caller has a reference. Only the origin may touch `context`.
SESHA_API const sesha_loan* sesha_lease_loan(const sesha_lease* lease);
/// A live lease of memory that contains [data, data + size), retained for the caller; null if there
/// is none. An object that lies in borrowed memory is sent on with the lease it came with, so that
/// leases never form chains.
SESHA_API sesha_lease* sesha_lease_find(const void* data, size_t size);
/// Live leases whose origin is `origin` (null: of all interpreters), of objects and of memory.
SESHA_API size_t sesha_lease_count(const sesha_interpreter* origin);

/// Whether anything is queued for `origin`. Any thread.
SESHA_API int sesha_releases_pending(const sesha_interpreter* origin);
/// Runs what was queued for `origin`, whose GIL the caller holds; returns how many ran. An empty
/// queue costs one load.
SESHA_API size_t sesha_releases_run(sesha_interpreter* origin);
/// Closes the queue of `origin` for ever: what is queued now or later is dropped without running.
/// After the return the attendant is not inside and never enters `origin` again. The caller holds
/// no GIL. To end an interpreter in order: with its GIL, sesha_releases_run(); without it,
/// sesha_releases_close().
SESHA_API void sesha_releases_close(sesha_interpreter* origin);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_EXCHANGE_LEASE_H_
