// Reads the values of a message.
#ifndef SESHA_BINDING_DECODER_H_
#define SESHA_BINDING_DECODER_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <vector>

#include "binding/reference.h"
#include "binding/stream.h"

namespace sesha::binding {

class Decoder {
 public:
  /// The message must outlive the decoder.
  explicit Decoder(const sesha_message* message) : message_(message), reader_(message) {}

  Reader& reader() { return reader_; }
  /// The next value, or null with an exception, after which the decoder is of no more use.
  PyObject* decode();

 private:
  static constexpr size_t kNoPlace = SIZE_MAX;

  PyObject* decode_value(Opcode opcode, size_t place);
  PyObject* decode_items(Opcode opcode, size_t place);
  PyObject* decode_dict(size_t place);
  PyObject* decode_set(Opcode opcode, size_t place);
  PyObject* decode_three(Opcode opcode);
  PyObject* decode_handle();
  PyObject* decode_pickle();
  /// Puts a container into the memo before its items, since they may lead back to it.
  void remember(size_t place, PyObject* value) {
    if (place != kNoPlace) memo_[place] = Reference::borrow(value);
  }

  const sesha_message* message_;
  Reader reader_;
  std::vector<Reference> memo_;
};

}  // namespace sesha::binding

#endif  // SESHA_BINDING_DECODER_H_
