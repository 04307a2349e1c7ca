// The state of one encoding: a message that grows, and what it has seen.
#ifndef SESHA_BINDING_ENCODER_H_
#define SESHA_BINDING_ENCODER_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <unordered_map>
#include <vector>

#include "binding/reference.h"
#include "binding/stream.h"

namespace sesha::binding {

/// How the encoding of a value ended.
enum class Outcome {
  kDone,
  kUnknown,  // only a pickle can carry it; no exception is set, and the message may hold a part of
             // it
  kError,    // an exception is set
};

/// **Guarantees:** a message that is not taken with finish() is freed with all its leases.
///
/// **This code assumes:** one encoder, one thread; other threads of the interpreter may change the
/// values meanwhile, whenever foreign code (torch, numpy, a `__dlpack__`) gives up the GIL.
class Encoder {
 public:
  /// Check failed() before use: there may be no memory for a message.
  explicit Encoder(sesha_message_kind kind);
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  bool failed() const { return message_ == nullptr || writer_.failed(); }
  Writer& writer() { return writer_; }

  /// A value of any of the types that a message carries natively.
  Outcome encode(PyObject* value);
  /// Likewise for the leaves that hold memory or handles: what a pickle hands over as its parts.
  Outcome encode_part(PyObject* value);
  /// Pickles `value` whole. `root`: the name of the value, or "call" for (fn, args, kwargs).
  bool encode_pickled(PyObject* value, const char* root);
  void encode_text(PyObject* text);
  /// Forgets all that was written, with its leases and the memo.
  void restart();
  /// Forgets what was written from `position` on; its leases stay until the message is freed.
  void truncate(size_t position);

  /// The message, the caller's now; null with an exception (MemoryError) if there was no room for
  /// all of it.
  sesha_message* finish();

  /// A lease of [low, low + extent): one that lives there, or a new one whose owner `acquire`
  /// gives. Writes nothing. `release(context)` gives `context` back, also if the lease can't be
  /// made. False with an exception.
  bool lease_memory(char* low, size_t extent, void (*release)(void*), void* context,
                    uint32_t* index);
  /// A live lease that covers the memory: true, and its index in the message.
  bool find_lease(char* low, size_t extent, uint32_t* index);
  /// Retains `lease` in the message. False with an exception.
  bool add_lease(sesha_lease* lease, uint32_t* index);
  /// Only interpreter `index` can decode the message from here on. False with ValueError if it was
  /// another before.
  bool aim(uint32_t index);

 private:
  Outcome encode_items(Opcode opcode, PyObject* value);
  Outcome encode_dict(PyObject* value);
  Outcome encode_set(Opcode opcode, PyObject* value);
  Outcome encode_int(PyObject* value);
  Outcome encode_container(PyObject* value);
  Outcome encode_three(Opcode opcode, PyObject* first, PyObject* second, PyObject* third);
  void encode_bytes(PyObject* value);
  /// True if the value was met before and a reference to it is written; else it may have got a
  /// place in the memo.
  bool recall(PyObject* value);

  sesha_message* message_;
  Writer writer_;
  std::vector<PyObject*> memo_;  // owned, so that an address stays its object's
  std::unordered_map<PyObject*, uint32_t>
      places_;  // filled once the memo is too long to be searched
};

}  // namespace sesha::binding

#endif  // SESHA_BINDING_ENCODER_H_
