#include "exec/JUnitReport.h"

#include "base/Text.h"

#include <expat.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace usher {

namespace {

constexpr int kMaxDepth = 64;

class Reader {
public:
    explicit Reader(std::vector<TestCase>& cases)
        : _cases(cases), _parser(XML_ParserCreate(nullptr), XML_ParserFree) {
        XML_SetUserData(_parser.get(), this);
        XML_SetElementHandler(_parser.get(), &Reader::onStart, &Reader::onEnd);
        XML_SetCharacterDataHandler(_parser.get(), &Reader::onText);
        XML_SetStartDoctypeDeclHandler(_parser.get(), &Reader::onDoctype);
    }

    bool read(std::string_view xml, std::string& problem) {
        if (xml.size() > (64u << 20)) {
            problem = "larger than 64 MiB";
            return false;
        }
        auto status = XML_Parse(_parser.get(), xml.data(), static_cast<int>(xml.size()), XML_TRUE);
        if (status == XML_STATUS_OK) return true;
        problem = !_problem.empty()
                      ? _problem
                      : std::string(XML_ErrorString(XML_GetErrorCode(_parser.get()))) + " in line " +
                            std::to_string(XML_GetCurrentLineNumber(_parser.get()));
        return false;
    }

private:
    static Reader& self(void* user) { return *static_cast<Reader*>(user); }

    static void onStart(void* user, const XML_Char* name, const XML_Char** attributes) {
        Reader& r = self(user);
        if (++r._depth > kMaxDepth) return r.stop("nested deeper than 64 levels");
        auto attribute = [&](const char* wanted) -> std::string {
            for (int i = 0; attributes[i]; i += 2)
                if (std::string_view(attributes[i]) == wanted) return attributes[i + 1];
            return {};
        };
        std::string_view element = name;
        if (r._depth == 1 && element != "testsuites" && element != "testsuite")
            return r.stop("it is no JUnit report: neither <testsuites> nor <testsuite>");
        if (element == "testcase") {
            if (r._caseDepth) return r.stop("a case inside a case");
            if (r._found++ >= TestCase::kMaxCases) return r.stop("more than 10,000 cases");
            std::string caseName = plainText(attribute("name"), TestCase::kMaxName);
            if (caseName.empty()) return r.stop("a case without a name");
            r._cases.push_back({std::move(caseName), "passed", millisecondsOf(attribute("time")), "", ""});
            r._caseDepth = r._depth;
        } else if (r._caseDepth && r._depth == r._caseDepth + 1) {
            const char* status = element == "failure"   ? "failed"
                                 : element == "error"   ? "error"
                                 : element == "skipped" ? "skipped"
                                                        : nullptr;
            if (!status || r._cases.back().status != "passed") return;
            r._cases.back().status = status;
            r._cases.back().message = plainText(attribute("message"), TestCase::kMaxMessage);
            r._takesText = true;
        }
    }

    static void onEnd(void* user, const XML_Char*) {
        Reader& r = self(user);
        if (r._depth == r._caseDepth) r._caseDepth = 0;
        if (r._takesText && r._depth == r._caseDepth + 1) {
            r._takesText = false;
            const std::string whole = std::exchange(r._text, {});
            const std::string_view text = trim(whole);
            TestCase& last = r._cases.back();
            // Many have it in the attribute, some only in the text, most say more there.
            if (last.message.empty())
                last.message = plainText(text, TestCase::kMaxMessage);
            else if (std::string more = plainText(text, TestCase::kMaxDetails); more != last.message)
                last.details = std::move(more);
        }
        --r._depth;
    }

    static void onText(void* user, const XML_Char* text, int length) {
        Reader& r = self(user);
        if (r._takesText && r._text.size() < 2 * TestCase::kMaxDetails)
            r._text.append(text, std::min(static_cast<std::size_t>(length), 2 * TestCase::kMaxDetails));
    }

    static void onDoctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        self(user).stop("it has a DOCTYPE");
    }

    void stop(const char* why) {
        if (_problem.empty()) _problem = why;
        XML_StopParser(_parser.get(), XML_FALSE);
    }

    std::vector<TestCase>& _cases;
    std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> _parser;
    std::size_t _found = 0;
    int _depth = 0;
    int _caseDepth = 0; ///< of the open <testcase>, 0 when there is none
    bool _takesText = false;
    std::string _text;
    std::string _problem;
};

} // namespace

bool readJUnit(std::string_view xml, std::vector<TestCase>& cases, std::string& problem) {
    return Reader(cases).read(xml, problem);
}

} // namespace usher
