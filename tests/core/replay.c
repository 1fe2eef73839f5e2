/* replay.c -- runs a fuzz target over the files of the given folders, without libFuzzer.
 *
 * For an input that fails, it prints the name of the file and aborts. Prints the number of inputs.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *volatile current = "";

/* Prints the current input on SIGABRT; the sanitizers abort too (abort_on_error in the Makefile).
 */
static void
name_it(int signal_number)
{
    static const char label[] = "the input was ";
    const char *name = current;
    (void)!write(STDERR_FILENO, label, sizeof label - 1);
    (void)!write(STDERR_FILENO, name, strlen(name));
    (void)!write(STDERR_FILENO, "\n", 1);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static void
run(const char *name, const uint8_t *data, size_t len, void *arg)
{
    (void)arg;
    current = name;
    (void)LLVMFuzzerTestOneInput(data, len);
}

int
main(int argc, char **argv)
{
    size_t count = 0;
    (void)signal(SIGABRT, name_it);
    for (int i = 1; i < argc; i++) {
        count += for_each_file(argv[i], run, NULL);
    }
    printf("%zu inputs, 0 failed\n", count);
    return count > 0 ? 0 : 1;
}
