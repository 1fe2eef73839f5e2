/* message_view.c -- a Message as the struct that the core reads.
 *
 * A Message keeps its texts as str. Those that are ASCII are borrowed; the others are encoded
 * again, one behind the other, into one buffer. */
#include "message_view.h"

#include "python/base/errors.h"
#include "python/base/text.h"
#include "message_object.h"

_Static_assert(HEKA_MESSAGE_TEXTS <= HEKA_TEXTS_MAX, "all texts of a message in one call");

/* *slice: the UTF-8 of *text, borrowed from the str or written into *spare, which has the room. */
static void
put_text(const hk_text *text, hk_buffer *spare, hk_slice *slice)
{
    if (text->kind == HK_TEXT_UTF8) {
        *slice = (hk_slice){text->data, text->len};
        return;
    }
    uint8_t *start = spare->data + spare->len;
    const uint8_t *end = hk_utf8_write(text, start);
    *slice = (hk_slice){start, (size_t)(end - start)};
    spare->len += slice->len;
}

int
heka_texts_view(heka_state *state, const char *what, PyObject *const *texts, size_t count,
                hk_buffer *spare, hk_slice *slices)
{
    hk_text views[HEKA_TEXTS_MAX];
    size_t total = 0;
    assert(count <= HEKA_TEXTS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        size_t at;
        if (heka_text_borrow(texts[i], &views[i]) < 0) {
            return -1;
        }
        if (views[i].kind != HK_TEXT_UTF8 &&
            hk_utf8_measure(&views[i], HK_SURROGATES_ESCAPED, &size, &at) != HK_OK) {
            return heka_text_refuse(state, what, texts[i], at);
        }
        total += size;
    }
    const hk_status status = hk_buffer_room(spare, total);
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        put_text(&views[i], spare, &slices[i]);
    }
    return 0;
}

int
heka_message_view(PyObject *op, hk_buffer *spare, hk_message *view)
{
    HekaMessage *message = (HekaMessage *)op;
    heka_state *state = heka_state_of(op);
    PyObject *texts[HEKA_MESSAGE_TEXTS];
    hk_slice slices[HEKA_MESSAGE_TEXTS];
    const size_t start = spare->len;
    const bool was_read = message->fields != NULL;
    if (was_read && heka_message_append_fields(message, state, spare) < 0) {
        return -1;
    }
    const size_t fields_len = spare->len - start;
    for (size_t i = 0; i < HEKA_MESSAGE_TEXTS; i++) {
        texts[i] = heka_message_text(message, i);
    }
    if (heka_texts_view(state, "an attribute of the message", texts, HEKA_MESSAGE_TEXTS, spare,
                        slices) < 0) {
        return -1;
    }
    *view = (hk_message){.uuid = message->uuid,
                         .timestamp = message->timestamp,
                         .severity = message->severity,
                         .pid = message->pid,
                         .type = slices[0],
                         .logger = slices[1],
                         .payload = slices[2],
                         .env_version = slices[3],
                         .hostname = slices[4],
                         .fields = heka_message_wire(message)};
    if (was_read) {
        view->fields = (hk_slice){spare->data + start, fields_len};
    }
    return 0;
}
