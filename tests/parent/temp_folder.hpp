// A folder that lives as long as a test.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace holdfast::testing {

struct TempFolder {
  std::filesystem::path path;

  TempFolder() {
    char name[] = "/tmp/holdfast-test-XXXXXX";
    path = mkdtemp(name);
    chmod(name, 0755);
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  // The path of a file in it.
  std::string file(const std::string& name) const { return path / name; }
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    std::ofstream(file(name)) << text;
    chmod(file(name).c_str(), mode);
    return file(name);
  }
};

}  // namespace holdfast::testing
