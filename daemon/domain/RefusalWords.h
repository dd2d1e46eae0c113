#pragma once

namespace usher {

/// What a refusal says when nobody gave it words: no client gets an empty title, message or code.
struct RefusalWords {
    const char* title;
    const char* message;
    const char* code;
};
RefusalWords refusalWords(int status);

} // namespace usher
