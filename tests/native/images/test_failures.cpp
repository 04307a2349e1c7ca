// A library that can't be loaded leaves nothing behind: no descriptor, no mapping.
#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "check.h"
#include "images/file.h"
#include "images/loader.h"

namespace {

using sesha::images::Error;
using sesha::images::Space;

size_t count_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

/// Mappings of images and of the fixtures: the allocator's own come and go.
size_t count_mappings(const std::string& folder) {
  std::ifstream file("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.find(folder) != std::string::npos || line.find("memfd:sesha") != std::string::npos)
      ++count;
  }
  return count;
}

std::string error_of(Space& space, const std::string& path) {
  try {
    (void)space.open(path.c_str(), RTLD_NOW, nullptr);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

Space& new_space(const std::string& folder) {
  static uint32_t index = 100;
  auto& space = *new Space(++index);  // for ever, as images are never unloaded
  space.open_python(folder + "/tls.so");
  return space;
}

void test_failures_leave_nothing_behind(const std::string& folder) {
  Space& space = new_space(folder);
  CHECK(contains(error_of(space, folder + "/undefined.so"), "undefined symbol: defined_by_nobody"));
  const size_t descriptors = count_descriptors(), mappings = count_mappings(folder);
  for (int k = 0; k < 50; ++k) {
    CHECK(
        contains(error_of(space, folder + "/undefined.so"), "undefined symbol: defined_by_nobody"));
    CHECK(contains(error_of(space, folder + "/nothing.so"), "No such file"));
    CHECK(contains(error_of(space, "/proc/self/status"), "file too short"));
    CHECK(contains(error_of(space, folder), "file too short"));
  }
  CHECK(count_descriptors() == descriptors);
  // Objects stay open with their failed libraries: one mapping of each file at most.
  CHECK(count_mappings(folder) <= mappings + 1);
}

void test_a_limit_on_files_is_named(const std::string& folder) {
  Space& space = new_space(folder);
  (void)std::signal(SIGXFSZ, SIG_IGN);  // as Python does
  rlimit before{};
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  for (rlim_t size : {0, 8192}) {
    const rlimit tight{size, before.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    const std::string error = error_of(space, folder + "/shapes.so");
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(contains(error, "File too large"));
    CHECK(contains(error, "ulimit -f"));
  }
  CHECK(space.open((folder + "/shapes.so").c_str(), RTLD_NOW, nullptr) != nullptr);
}

void test_a_limit_on_descriptors_is_named(const std::string& folder) {
  Space& space = new_space(folder);
  rlimit before{};
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit tight{3, before.rlim_max};
  CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const std::string error = error_of(space, folder + "/shapes.so");
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(contains(error, "Too many open files"));
  CHECK(space.open((folder + "/shapes.so").c_str(), RTLD_NOW, nullptr) != nullptr);
}

void test_a_folder_that_can_not_be_used_is_named(const std::string& folder) {
  Space& space = new_space(folder);
  for (const char* where : {"/proc", "/nowhere/at/all"}) {
    CHECK(setenv("SESHA_IMAGE_DIR", where, 1) == 0);
    const std::string error = error_of(space, folder + "/shapes.so");
    CHECK(contains(error, where));
    CHECK(contains(error, "Set SESHA_IMAGE_DIR to a folder"));
  }
  CHECK(unsetenv("SESHA_IMAGE_DIR") == 0);
  CHECK(space.open((folder + "/shapes.so").c_str(), RTLD_NOW, nullptr) != nullptr);
}

void test_a_folder_in_place_of_memory_works(const std::string& folder) {
  CHECK(setenv("SESHA_IMAGE_DIR", folder.c_str(), 1) == 0);
  Space& space = new_space(folder);
  CHECK(space.open((folder + "/many.so").c_str(), RTLD_NOW, nullptr) != nullptr);
  CHECK(unsetenv("SESHA_IMAGE_DIR") == 0);
}

}  // namespace

int main(int, char** arguments) {
  alarm(240);  // a hang is a failure
  const std::string folder = arguments[1];
  test_failures_leave_nothing_behind(folder);
  test_a_limit_on_files_is_named(folder);
  test_a_limit_on_descriptors_is_named(folder);
  test_a_folder_that_can_not_be_used_is_named(folder);
  test_a_folder_in_place_of_memory_works(folder);
}
