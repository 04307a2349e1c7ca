// Damaged objects give an Error: tens of thousands of them, made from good ones.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "images/borrowing.h"
#include "images/loader.h"
#include "images/naming.h"
#include "images/object.h"
#include "images/renaming.h"
#include "images/search.h"
#include "images/writer.h"

namespace {

using sesha::images::Changes;
using sesha::images::Error;
using sesha::images::Library;
using sesha::images::Object;

constexpr int kMutations = 4000;  // of each object

std::vector<char> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class Scratch {
 public:
  Scratch() {
    // In memory where that can be: a disk would take most of the time.
    std::string name =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm/sesha-XXXXXX" : "/tmp/sesha-XXXXXX";
    descriptor_ = mkstemp(name.data());
    CHECK(descriptor_ >= 0);
    path_ = name;
  }
  ~Scratch() {
    unlink(path_.c_str());
    close(descriptor_);
  }
  const std::string& write(const std::vector<char>& contents) const {
    CHECK(ftruncate(descriptor_, 0) == 0);
    CHECK(pwrite(descriptor_, contents.data(), contents.size(), 0) ==
          static_cast<ssize_t>(contents.size()));
    return path_;
  }

 private:
  int descriptor_;
  std::string path_;
};

/// All that is done with an object before the process's loader sees its image. Returns whether
/// nothing was wrong.
bool use(const std::string& path) {
  try {
    Library library;
    library.object = Object::open(path);
    const Object& object = *library.object;
    (void)object.soname();
    (void)object.rpath();
    (void)object.runpath();
    (void)object.defines("layout_bump");
    (void)object.defines("missing");
    (void)sesha::images::is_shared(object);
    (void)sesha::images::needs_python(object);
    for (std::string_view name : object.needed())
      (void)sesha::images::find_library(name, {&object});
    Changes changes;
    changes.soname = "damaged.so";
    changes.needed_always = sesha::images::kCoreName;
    changes.rename = [](const Elf64_Sym& symbol, std::string_view name) {
      return sesha::images::image_name(symbol, name,
                                       [](std::string_view, uint32_t) { return true; });
    };
    changes.borrowed = sesha::images::borrow(library, {&library}, {}).symbols;
    sesha::images::Uniques uniques;
    sesha::images::lend(library, uniques);
    (void)sesha::images::write_image(object, changes);
    (void)sesha::images::constructors(object);
    return true;
  } catch (const Error& error) {
    CHECK(std::strlen(error.what()) > 10);
    return false;
  }
}

/// Where a change is likely to matter: headers, the dynamic section and the tables that it names.
std::vector<std::pair<size_t, size_t>> interesting(const std::string& path, size_t size) {
  const auto object = Object::open(path);
  std::vector<std::pair<size_t, size_t>> places{{0, 64 + object->segments().size_bytes()},
                                                {0, size}};
  auto add = [&](const void* begin, size_t bytes) {
    const auto offset = static_cast<size_t>(static_cast<const std::byte*>(begin) - object->data());
    if (bytes != 0) places.emplace_back(offset, offset + bytes);
  };
  add(object->dynamic().data(), object->dynamic().size_bytes());
  add(object->dynamic().data(), object->dynamic().size_bytes());
  add(object->symbols().data(), object->symbols().size_bytes());
  add(object->relocations().data(), object->relocations().size_bytes());
  for (int64_t tag :
       {int64_t{DT_GNU_HASH}, int64_t{DT_HASH}, int64_t{DT_VERNEED}, int64_t{DT_VERDEF}}) {
    if (auto address = object->entry(tag)) add(object->at(*address, 16), 64);
  }
  return places;
}

void damage(std::vector<char>& contents, const std::vector<std::pair<size_t, size_t>>& places,
            std::mt19937_64& random) {
  static constexpr uint64_t kValues[] = {0,
                                         1,
                                         2,
                                         7,
                                         8,
                                         0x7fffffff,
                                         0x80000000,
                                         0xffffffff,
                                         0x7fffffffffffffff,
                                         0x8000000000000000,
                                         0xffffffffffffffff,
                                         0xfffffffffffffff8,
                                         0x1000};
  auto pick = [&](uint64_t below) { return static_cast<size_t>(random() % below); };
  if (pick(10) == 0) {
    contents.resize(pick(contents.size()));
    return;
  }
  for (size_t changes = 1 + pick(3); changes > 0; --changes) {
    const auto [begin, end] = places[pick(places.size())];
    const size_t at = begin + pick(end - begin);
    if (pick(2) == 0) {
      contents[at] = static_cast<char>(contents[at] ^ (1 << pick(8)));
    } else {
      const size_t bytes = size_t{1} << pick(4);
      const size_t aligned = at / bytes * bytes;
      if (aligned + bytes > contents.size()) continue;
      std::memcpy(contents.data() + aligned, &kValues[pick(std::size(kValues))], bytes);
    }
  }
}

void test_damaged_objects_give_errors(const std::string& folder) {
  const Scratch scratch;
  std::mt19937_64 random(20260101);
  for (const char* name :
       {"many", "two", "one", "sysv", "packed", "tls", "ifunc", "versions", "shapes"}) {
    const std::string path = folder + "/" + name + ".so";
    const std::vector<char> good = read(path);
    CHECK(use(scratch.write(good)));
    const auto places = interesting(path, good.size());
    int errors = 0;
    for (int k = 0; k < kMutations; ++k) {
      std::vector<char> bad = good;
      damage(bad, places, random);
      errors += use(scratch.write(bad)) ? 0 : 1;
    }
    std::printf("%s: %d of %d were refused\n", name, errors, kMutations);
    CHECK(errors > kMutations / 10);
  }
}

void test_every_truncation_gives_an_error_or_an_image(const std::string& folder) {
  const Scratch scratch;
  const std::vector<char> good = read(folder + "/versions.so");
  for (size_t size = 0; size < good.size(); size += 7) {
    (void)use(scratch.write({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}));
  }
  CHECK(!use(scratch.write({})));
  CHECK(!use(scratch.write({good.begin(), good.begin() + 64})));
}

}  // namespace

int main(int, char** arguments) {
  alarm(240);  // a hang is a failure
  test_damaged_objects_give_errors(arguments[1]);
  test_every_truncation_gives_an_error_or_an_image(arguments[1]);
}
