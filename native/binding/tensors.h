// How a DLPack tensor is written.
#ifndef SESHA_BINDING_TENSORS_H_
#define SESHA_BINDING_TENSORS_H_

#include "binding/stream.h"
#include "exchange/dlpack.h"

namespace sesha::binding {

/// Head, shape and strides; strides that are null are written out.
void write_tensor(Writer& writer, const DLTensor& tensor, uint32_t lease, uint8_t flags);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_TENSORS_H_
