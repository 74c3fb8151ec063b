#include "parent/command_exec.hpp"

#include "common/bytes.hpp"
#include "common/privileges.hpp"
#include "parent/spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

constexpr std::array search_path{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
constexpr std::uint8_t encoding = 1;  // the first byte of an encoded command

std::string joined_search_path() {
  std::string joined = "PATH=";
  for (const char* folder : search_path) {
    if (joined.back() != '=') joined += ":";
    joined += folder;
  }
  return joined;
}

// The files that argv[0] may mean, in order.
std::vector<std::string> candidates(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> paths;
  for (const char* folder : search_path) paths.push_back(std::string(folder) + "/" + program);
  return paths;
}

std::string exec_failure(const std::string& program, int error) {
  switch (error) {
    case ENOENT:
      return program.find('/') == std::string::npos
                 ? "there is no program '" + program + "' in " + joined_search_path().substr(5)
                 : "'" + program + "', or the interpreter in its first line, does not exist";
    case EACCES: return "'" + program + "' is not executable for the user it runs as (try: chmod 755 " + program + ")";
    case ENOEXEC: return "'" + program + "' is not a program: a script needs a first line like #!/bin/sh";
    default: return "cannot execute '" + program + "': " + std::strerror(error);
  }
}

// Becomes who shall run the command; the error says why not.
Status assume_identity(const Command& command) {
  const Account& account = command.account;
  if (command.program >= 0) {
    const rlimit no_core{0, 0};  // a core would hold the secrets of its input
    setrlimit(RLIMIT_CORE, &no_core);
    return shed_privileges({account.uid, account.gid, ""}, {});
  }
  if (setgroups(account.groups.size(), account.groups.data()) != 0 ||
      setresgid(account.gid, account.gid, account.gid) != 0 || setresuid(account.uid, account.uid, account.uid) != 0) {
    return Error{"cannot become user " + std::to_string(account.uid) + ": " + std::strerror(errno)};
  }
  return {};
}

void write_text(ByteWriter& writer, const std::string& text) {
  writer.u32(static_cast<std::uint32_t>(text.size()));
  writer.bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void write_texts(ByteWriter& writer, const std::vector<std::string>& texts) {
  writer.u32(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) write_text(writer, text);
}

std::vector<std::string> read_texts(ByteReader& reader) {
  std::vector<std::string> texts;
  for (std::uint32_t left = reader.u32(); left > 0 && !reader.failed(); --left) {
    const auto text = reader.take(reader.u32());
    texts.emplace_back(text.begin(), text.end());
  }
  return texts;
}

}  // namespace

Result<Account> find_account(const std::string& user) {
  const passwd* entry = getpwnam(user.c_str());
  if (!entry) return Error{"there is no user '" + user + "' on this host"};
  Account account{entry->pw_uid, entry->pw_gid, {}};
  int count = 64;
  account.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist(user.c_str(), account.gid, account.groups.data(), &count) < 0) {
    account.groups.resize(static_cast<std::size_t>(count));
    getgrouplist(user.c_str(), account.gid, account.groups.data(), &count);
  }
  account.groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return account;
}

std::string become_command(const Command& command, int output, int input) {
  setpgid(0, 0);
  umask(022);
  const int program = command.program < 0 ? -1 : fcntl(command.program, F_DUPFD_CLOEXEC, safe_descriptors);
  const int null = input >= 0 ? input : open("/dev/null", O_RDONLY | O_CLOEXEC);
  // /dev/null may come out as 0 itself; dup2 onto itself would keep the close-on-exec flag.
  if (null > 0)
    dup2(null, 0);
  else if (null == 0)
    fcntl(0, F_SETFD, 0);
  dup2(output, 1);
  dup2(output, 2);
  if (chdir("/") != 0) return std::string("cannot change to /: ") + std::strerror(errno);

  if (const Status assumed = assume_identity(command); !assumed) return assumed.error().text;

  std::vector<char*> argv;
  for (const std::string& argument : command.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::string path = joined_search_path();
  std::string language = "LANG=C";
  std::vector<char*> environment{path.data(), language.data()};
  for (const std::string& variable : command.environment) environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);

  if (program >= 0) {
    fexecve(program, argv.data(), environment.data());
    return "cannot execute '" + command.argv.front() + "': " + std::strerror(errno);
  }
  int error = ENOENT;
  for (const std::string& file : candidates(command.argv.front())) {
    execve(file.c_str(), argv.data(), environment.data());
    // A file that exists but can't be run says more than the folders where there is none.
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
  }
  return exec_failure(command.argv.front(), error);
}

std::vector<std::uint8_t> encode_command(const Command& command) {
  std::vector<std::uint8_t> bytes;
  ByteWriter writer(bytes);
  writer.u8(encoding);
  writer.u32(command.account.uid);
  writer.u32(command.account.gid);
  writer.u32(static_cast<std::uint32_t>(command.account.groups.size()));
  for (const gid_t group : command.account.groups) writer.u32(group);
  write_texts(writer, command.argv);
  write_texts(writer, command.environment);
  return bytes;
}

Result<Command> decode_command(std::span<const std::uint8_t> bytes) {
  ByteReader reader(bytes);
  Command command;
  if (reader.u8() != encoding) reader.fail();
  command.account.uid = reader.u32();
  command.account.gid = reader.u32();
  for (std::uint32_t left = reader.u32(); left > 0 && !reader.failed(); --left) {
    command.account.groups.push_back(reader.u32());
  }
  command.argv = read_texts(reader);
  command.environment = read_texts(reader);
  if (reader.failed() || reader.remaining() > 0 || command.argv.empty()) {
    return Error{"this is no command from holdfastd, which alone starts this program"};
  }
  return command;
}

Result<Fd> file_with(std::span<const std::uint8_t> bytes) {
  const auto failed = [] { return Error{std::string("cannot pass its input on: ") + std::strerror(errno)}; };
  Fd file(memfd_create("input", MFD_CLOEXEC));
  if (!file) return failed();
  while (!bytes.empty()) {
    const ssize_t size = write(file.get(), bytes.data(), bytes.size());
    if (size < 0) return failed();
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return failed();
  return file;
}

}  // namespace holdfast
