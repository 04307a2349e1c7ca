#include "images/dump.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "images/naming.h"
#include "images/renaming.h"
#include "images/writer.h"

namespace sesha::images {
namespace {

/// Copies the parts that hold data; what lies between them stays a hole.
void copy_sparsely(const Image& image, int to) {
  if (ftruncate(to, 0) != 0 || ftruncate(to, static_cast<off_t>(image.file_size)) != 0) {
    throw Error(std::string("cannot write the image to the given descriptor: ") +
                std::strerror(errno));
  }
  const int from = image.file.descriptor();
  std::vector<char> buffer(1 << 20);
  off_t begin = 0;
  while ((begin = lseek(from, begin, SEEK_DATA)) >= 0) {
    const off_t end = lseek(from, begin, SEEK_HOLE);
    if (end < 0) break;
    while (begin < end) {
      const ssize_t size =
          pread(from, buffer.data(), std::min<size_t>(buffer.size(), end - begin), begin);
      if (size <= 0 || pwrite(to, buffer.data(), static_cast<size_t>(size), begin) != size) {
        throw Error(std::string("cannot copy the image to the given descriptor: ") +
                    std::strerror(errno));
      }
      begin += size;
    }
  }
  if (errno != ENXIO) throw Error(std::string("cannot read the image: ") + std::strerror(errno));
}

}  // namespace
}  // namespace sesha::images

extern "C" sesha_status sesha_image_dump(const char* path, const char* soname, int descriptor) {
  using namespace sesha::images;
  try {
    const auto object = Object::open(path);
    Changes changes{.soname = soname,
                    .needed = {},
                    .needed_always = kCoreName,
                    .renamed_libraries = {},
                    .rename = {}};
    for (std::string_view name : object->needed()) {
      changes.needed.push_back(changes.soname + "-needs-" + std::string(name));
      changes.renamed_libraries.emplace_back(name, changes.needed.back());
    }
    changes.rename = [](const Elf64_Sym& symbol, std::string_view name) {
      return image_name(symbol, name, [](std::string_view, uint32_t) { return true; });
    };
    copy_sparsely(write_image(*object, changes), descriptor);
    return SESHA_OK;
  } catch (const std::exception& error) {
    return sesha_fail(SESHA_ERROR, "%s", error.what());
  }
}
