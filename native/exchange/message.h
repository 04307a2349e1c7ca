// A message: an encoded call, value or exception on its way from one interpreter to another.
//
// **Guarantees:** a message may be made, read, sent on and freed by different threads, with any GIL
// or none; freeing it releases the leases that it holds.
//
// **This code assumes:** one thread at a time has a message; handing it over orders memory (a
// mutex, a queue).
#ifndef SESHA_EXCHANGE_MESSAGE_H_
#define SESHA_EXCHANGE_MESSAGE_H_

#include "exchange/lease.h"
#include "sesha.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sesha_message_kind {
  SESHA_MESSAGE_CALL = 0,       ///< function, arguments
  SESHA_MESSAGE_VALUE = 1,      ///< a value or the result of a call
  SESHA_MESSAGE_EXCEPTION = 2,  ///< what a call raised
} sesha_message_kind;

enum {
  /// In a call: the result stays where it is made; the reply's value is a `sesha._native.Handle` to
  /// it.
  SESHA_MESSAGE_KEEP_RESULT = 1u << 0,
};

/// `target` of a message that any interpreter can decode.
#define SESHA_ANY_INTERPRETER UINT32_MAX

struct sesha_message {
  uint8_t* bytes;
  size_t size;
  size_t capacity;
  sesha_lease** leases;
  size_t lease_count;
  size_t lease_capacity;
  uint32_t kind;  ///< sesha_message_kind
  uint32_t flags;
  uint32_t target;  ///< index of the only interpreter that can decode it, since it holds handles of
                    ///< that one
  uint64_t serial;  ///< number of the call, set by dispatch; the codec does not look at it
};

/// An empty message; null when memory ran out.
SESHA_API sesha_message* sesha_message_new(uint32_t kind);
/// Frees the message and releases its leases. Null is allowed.
SESHA_API void sesha_message_free(sesha_message* message);
/// Back to empty, with its leases released; kind, flags and serial stay.
SESHA_API void sesha_message_clear(sesha_message* message);
/// Room for `size` more bytes at the end: their address (`size` grows), or null when memory ran
/// out.
SESHA_API uint8_t* sesha_message_extend(sesha_message* message, size_t size);
/// Takes over the caller's reference (also on failure); `*index` is its place in `leases`.
SESHA_API sesha_status sesha_message_add_lease(sesha_message* message, sesha_lease* lease,
                                               uint32_t* index);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_EXCHANGE_MESSAGE_H_
