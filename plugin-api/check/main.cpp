// usher-plugin-check: does a finished plugin keep the rules of usher/auth.h? Each test in a process of its
// own, with a time limit, so that whatever a plugin does, the others are still run and the report is still
// written.
#include "Case.h"
#include "Report.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

using namespace usher::check;

namespace {

constexpr const char* kUsage =
    R"(usher-plugin-check FILE [--config K=V]... [--seed N] [--junit FILE]
                   [--allow FILE] [--deny FILE] [--action A] [--job ID] [--list]

Runs FILE, a plugin of usherd, through the rules of usher/auth.h; see usher-plugin-check(1).

  --config K=V     a key of the plugin's section; database.url and database.password are handed out as secrets
  --seed N         of the random requests (default 1)
  --junit FILE     writes the results as JUnit XML, too
  --allow FILE     header lines, NAME: VALUE, of a credential that must be let in; then more can be tested
  --deny FILE      header lines, each of a credential that must not be: expired, or another job's
  --action A       asked about (default job.trigger); --job ID: the job
  --list           names the tests and ends

Exit code: 0 all rules are kept, 1 a rule is broken, 2 it could not be tried.
  usher-plugin-check ./static-token.so --config token_file=token --allow good-header
)";

bool split(const std::string& text, const char* separator, Fields& into) {
    const std::size_t at = text.find(separator);
    if (at == std::string::npos || at == 0) return false;
    into.emplace_back(text.substr(0, at), text.substr(at + std::strlen(separator)));
    return true;
}

/// Credentials come in files: a command line is visible to everyone on the machine.
bool readHeaders(const std::string& path, Fields& into) {
    std::ifstream file(path);
    bool good = static_cast<bool>(file);
    for (std::string line; good && std::getline(file, line);)
        if (!line.empty()) good = split(line, ": ", into);
    if (!good) std::cerr << "usher-plugin-check: " << path << ": cannot be read as lines of NAME: VALUE\n";
    return good;
}

bool parse(int argc, char** argv, Options& options, bool& list) {
    for (int i = 1; i < argc; ++i) {
        std::string word = argv[i];
        if (word == "--list") {
            list = true;
            continue;
        }
        if (!word.starts_with("--")) {
            if (!options.file.empty()) return false;
            options.file = word;
            continue;
        }
        std::string value;
        if (const std::size_t equals = word.find('='); equals != std::string::npos)
            value = word.substr(equals + 1), word.resize(equals);
        else if (i + 1 < argc)
            value = argv[++i];
        else
            return false;
        if (word == "--config") {
            if (!split(value, "=", options.config)) return false;
        } else if (word == "--allow") {
            if (!readHeaders(value, options.allow)) return false;
        } else if (word == "--deny") {
            if (!readHeaders(value, options.deny)) return false;
        } else if (word == "--seed") {
            char* end = nullptr;
            options.seed = std::strtoull(value.c_str(), &end, 10);
            if (value.empty() || *end) return false;
        } else if (word == "--junit") {
            options.junit = value;
        } else if (word == "--action") {
            options.action = value;
        } else if (word == "--job") {
            options.job = value;
        } else {
            return false;
        }
    }
    return list || !options.file.empty();
}

/// In the child: runs the case, says what came of it through the pipe, ends without any destructor of the
/// plugin.
[[noreturn]] void runCase(const Case& test, const Options& options, int report) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setsid(); // what the plugin starts can be ended with it
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    std::string said = "ok";
    try {
        test.run(options);
    } catch (const Broken& broken) {
        said = "F" + std::to_string(broken.rule) + " " + broken.what();
    } catch (const NotJudged& why) {
        said = std::string("S ") + why.what();
    } catch (const std::exception& error) {
        said = "F" + std::to_string(test.rule) + " " + error.what();
    } catch (...) {
        said = "F2 an exception crossed the interface";
    }
    said.resize(std::min<std::size_t>(said.size(), 2000));
    said += '\n';
    ssize_t written = ::write(report, said.data(), said.size());
    ::_exit(written < 0 ? 1 : 0);
}

Result judge(const Case& test, const std::string& said, bool ended, int status) {
    Result result{test.name, test.rule, Ending::failed, {}};
    const bool whole = !said.empty() && said.back() == '\n';
    if (whole && said == "ok\n") {
        result.ending = Ending::passed;
    } else if (whole && said[0] == 'S') {
        result.ending = Ending::notJudged;
        result.text = said.substr(2, said.size() - 3);
    } else if (whole && said[0] == 'F') {
        result.rule = std::atoi(said.c_str() + 1);
        result.text = said.substr(said.find(' ') + 1, said.size() - said.find(' ') - 2);
    } else if (!ended) {
        result.text = "it did not come back within " + std::to_string(test.seconds) + " s";
    } else if (WIFSIGNALED(status)) {
        result.text = std::string("the process was ended by a signal: ") + ::strsignal(WTERMSIG(status));
    } else {
        result.text = "the plugin ended the process with exit code " + std::to_string(WEXITSTATUS(status));
    }
    return result;
}

Result run(const Case& test, const Options& options) {
    using namespace std::chrono;
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    const auto begin = steady_clock::now();
    const pid_t child = ::fork();
    if (child == 0) runCase(test, options, pipe[1]);
    ::close(pipe[1]);
    if (child < 0) throw std::runtime_error("cannot start a process");
    std::string said;
    bool ended = false;
    while (true) {
        const auto left = begin + seconds(test.seconds) - steady_clock::now();
        pollfd waited{pipe[0], POLLIN, 0};
        const int ready = ::poll(
            &waited, 1, static_cast<int>(std::max<long long>(0, duration_cast<milliseconds>(left).count())));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) break;
        char buffer[4096];
        const ssize_t n = ::read(pipe[0], buffer, sizeof buffer);
        if (n <= 0) {
            ended = true;
            break;
        }
        said.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(pipe[0]);
    int status = 0;
    // A process that has said its word, or closed the pipe, may still hang in an atexit of the plugin.
    for (int i = 0; i < 100; ++i) {
        if (::waitpid(child, &status, WNOHANG) == child) break;
        if (!ended || i == 99) {
            ::kill(child, SIGKILL);
            ::waitpid(child, &status, 0);
            break;
        }
        ::usleep(10'000);
    }
    ::kill(-child, SIGKILL); // whatever the plugin left behind
    Result result = judge(test, said, ended, status);
    result.seconds = duration<double>(steady_clock::now() - begin).count();
    return result;
}

int runAll(Options options, const std::vector<std::vector<Case>>& groups) {
    std::vector<Result> results;
    int failed = 0;
    std::string rules;
    for (std::size_t group = 0; group < groups.size(); ++group) {
        for (const Case& test : groups[group]) {
            Result result = run(test, options);
            print(result);
            if (result.ending == Ending::failed) {
                ++failed;
                const std::string rule = std::to_string(result.rule);
                if ((", " + rules + ",").find(" " + rule + ",") == std::string::npos)
                    rules += (rules.empty() ? "" : ", ") + rule;
            }
            results.push_back(std::move(result));
        }
        if (group == 0 && failed > 0) {
            std::cout << "the rest is not tried: usherd would not load this file\n";
            break;
        }
    }
    std::cout << "usher-plugin-check " << options.file << " --seed " << options.seed << ": " << results.size()
              << " tests, " << failed << " failed"
              << (failed ? " (broken rules: " + rules + ")" : std::string()) << std::endl;
    if (!options.junit.empty() && !writeJUnit(options.junit, options.file, results)) {
        std::cerr << "usher-plugin-check: cannot write " << options.junit << "\n";
        return 2;
    }
    return failed ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    bool list = false;
    if (argc == 2 && std::strcmp(argv[1], "--help") == 0) return std::cout << kUsage, 0;
    if (!parse(argc, argv, options, list)) {
        std::cerr << kUsage;
        return 2;
    }
    const std::vector<std::vector<Case>> groups = {loadCases(),   lifeCases(),       structCases(),
                                                   answerCases(), credentialCases(), hygieneCases()};
    if (list) {
        for (const auto& group : groups)
            for (const Case& test : group) std::cout << "rule " << test.rule << "  " << test.name << "\n";
        return 0;
    }
    char path[PATH_MAX], scratch[] = "/tmp/usher-plugin-check-XXXXXX";
    if (!::realpath(options.file.c_str(), path)) {
        std::cerr << "usher-plugin-check: cannot open " << options.file << ": " << std::strerror(errno)
                  << "\n";
        return 2;
    }
    options.file = std::filesystem::absolute(options.file).lexically_normal();
    if (!::mkdtemp(scratch)) {
        std::cerr << "usher-plugin-check: cannot make a folder in /tmp: " << std::strerror(errno) << "\n";
        return 2;
    }
    options.scratch = scratch;
    int code = 2;
    try {
        code = runAll(std::move(options), groups);
    } catch (const std::exception& error) {
        std::cerr << "usher-plugin-check: " << error.what() << "\n";
    }
    std::error_code ignored;
    std::filesystem::remove_all(scratch, ignored);
    return code;
}
