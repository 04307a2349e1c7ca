// Writes the image of a shared object: the same code and data under other names.
#ifndef SESHA_IMAGES_WRITER_H_
#define SESHA_IMAGES_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "images/file.h"
#include "images/object.h"

namespace sesha::images {

/// How an image differs from its object.
struct Changes {
  std::string soname;
  /// The image's whole DT_NEEDED list, in order.
  std::vector<std::string> needed;
  /// A library that is loaded before the image in any case and has no versions: it stands in the
  /// version table for libraries that the object has versions of, but does not need.
  std::string needed_always;
  /// Libraries of the object's version table (vn_file) that have another name here.
  std::vector<std::pair<std::string, std::string>> renamed_libraries;
  /// The new name of a symbol; the old one to keep it. Called once for each symbol.
  std::function<std::string(const Elf64_Sym& symbol, std::string_view name)> rename;
  /// Indices of symbols that the object defines and the image only refers to.
  std::unordered_set<size_t> borrowed = {};
};

/// An image that is ready to be loaded.
///
/// Up to `added_begin` its addresses are those of the object. Behind that lies one added segment:
/// first what is this image's own ([added_begin, shared_begin)), then tables that are equal in
/// every guest
/// ([shared_begin, shared_end), whole pages), then again its own strings, up to `added_end`.
struct Image {
  File file;
  uint64_t file_size = 0;
  uint64_t added_begin = 0;
  uint64_t shared_begin = 0;
  uint64_t shared_end = 0;
  uint64_t added_end = 0;
};

/// Writes the image of `object`: renamed symbols in a new dynamic symbol and string table, the new
/// soname and needed libraries, STB_GNU_UNIQUE made STB_GLOBAL, no constructors, destructors or run
/// paths. Of the object's own segments only what the loader reads or writes is in the file; the
/// rest is holes, to be mapped from the object after loading. Throws Error.
Image write_image(const Object& object, const Changes& changes);

/// The addresses of an object's constructors in the order in which the loader would call them:
/// DT_INIT, then the place and number of DT_INIT_ARRAY's pointers.
struct Constructors {
  uint64_t init = 0;
  uint64_t array = 0;
  uint64_t array_count = 0;
};
Constructors constructors(const Object& object);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_WRITER_H_
