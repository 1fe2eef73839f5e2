/* module.c -- the module heka._core: its functions, and the order in which its parts are
 * initialised. */
#include "core/wire/hk_normalise.h"
#include "core/wire/hk_sign.h"
#include "core/wire/hk_uuid.h"
#include "python/agent/carbon.h"
#include "python/agent/lines.h"
#include "python/agent/otlp.h"
#include "python/agent/watch.h"
#include "python/base/nearest.h"
#include "python/base/read.h"
#include "python/base/state.h"
#include "python/calls/client_object.h"
#include "python/calls/emit.h"
#include "python/match/csv.h"
#include "python/match/lines.h"
#include "python/messages/codec.h"
#include "python/messages/json.h"
#include "python/messages/raw.h"
#include "python/queue/lock.h"
#include "python/values/convert.h"
#include "sources.h"

static PyObject *
libraries(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    return Py_BuildValue("{ssss}", "libcrypto", hk_sign_library(), "protobuf-c",
                         hk_normalise_library());
}

PyDoc_STRVAR(libraries_doc,
             "libraries()\n--\n\n"
             "Return {name: version} of the C libraries that this module uses in this process.");

static PyMethodDef methods[] = {
    {"pack", (PyCFunction)(void (*)(void))heka_pack, METH_FASTCALL | METH_KEYWORDS, heka_pack_doc},
    {"frame", (PyCFunction)(void (*)(void))heka_frame, METH_FASTCALL | METH_KEYWORDS,
     heka_frame_doc},
    {"check_frame", heka_check_frame, METH_O, heka_check_frame_doc},
    {"encode_raw", (PyCFunction)(void (*)(void))heka_encode_raw, METH_FASTCALL,
     heka_encode_raw_doc},
    {"carbon_lines", (PyCFunction)(void (*)(void))heka_carbon_lines, METH_FASTCALL,
     heka_carbon_lines_doc},
    {"csv_lines", (PyCFunction)(void (*)(void))heka_csv_lines, METH_FASTCALL, heka_csv_lines_doc},
    {"json_line", (PyCFunction)(void (*)(void))heka_json_line, METH_FASTCALL, heka_json_line_doc},
    {"json_lines", (PyCFunction)(void (*)(void))heka_json_lines, METH_FASTCALL,
     heka_json_lines_doc},
    {"watch_directory", (PyCFunction)(void (*)(void))heka_watch_directory, METH_FASTCALL,
     heka_watch_directory_doc},
    {"line_frames", (PyCFunction)(void (*)(void))heka_line_frames, METH_FASTCALL,
     heka_line_frames_doc},
    {"lock_file", heka_lock_file, METH_O, heka_lock_file_doc},
    {"unlock_file", heka_unlock_file, METH_O, heka_unlock_file_doc},
    {"otlp_logs", (PyCFunction)(void (*)(void))heka_otlp_logs, METH_FASTCALL, heka_otlp_logs_doc},
    {"set_sources", (PyCFunction)(void (*)(void))heka_set_sources, METH_FASTCALL | METH_KEYWORDS,
     heka_set_sources_doc},
    {"capture_clients", heka_capture_clients, METH_O, heka_capture_clients_doc},
    {"set_converter", heka_set_converter, METH_O, heka_set_converter_doc},
    {"monotonic", heka_monotonic, METH_NOARGS, heka_monotonic_doc},
    {"nearest", (PyCFunction)(void (*)(void))heka_nearest, METH_FASTCALL, heka_nearest_doc},
    {"mark_own_thread", heka_mark_own_thread, METH_O, heka_mark_own_thread_doc},
    {"libraries", libraries, METH_NOARGS, libraries_doc},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    heka_state *state = heka_state_of_module(module);
    if (hk_clock_init() != HK_OK) {
        PyErr_NoMemory();
        return -1;
    }
    if (heka_errors_init(module, state) < 0 || heka_severity_init(module) < 0 ||
        heka_args_init(state) < 0 || heka_text_init(state) < 0 || heka_head_init(state) < 0 ||
        heka_coerce_init(state) < 0 || heka_field_init(module, state) < 0 ||
        heka_message_init(module, state) < 0 || heka_signer_init(module, state) < 0 ||
        heka_reader_init(module, state) < 0 || heka_sink_init(module, state) < 0 ||
        heka_settings_type_init(module, state) < 0 || heka_bound_init(module, state) < 0 ||
        heka_ring_init(module, state) < 0 || heka_emitter_init(module, state) < 0 ||
        heka_no_timer_init(module, state) < 0 || heka_client_init(module, state) < 0 ||
        heka_block_init(module, state) < 0 || heka_block_reader_init(module, state) < 0 ||
        heka_matcher_init(module, state) < 0 || heka_stats_init(module, state) < 0 ||
        heka_regex_init(module, state) < 0) {
        return -1;
    }
    if (PyModule_AddIntConstant(module, "MESSAGE_MAX", HK_MESSAGE_MAX) < 0 ||
        PyModule_AddIntConstant(module, "HEADER_MAX", HK_HEADER_MAX) < 0 ||
        PyModule_AddIntConstant(module, "FRAME_MAX", HK_FRAME_MAX) < 0) {
        return -1;
    }
    const bool is_main = PyInterpreterState_Get() == PyInterpreterState_Main();
    if (PyModule_AddObjectRef(module, "IN_MAIN_INTERPRETER", is_main ? Py_True : Py_False) < 0) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "UUID_SIZE", HK_UUID_SIZE);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    const heka_state *state = heka_state_of_module(module);
    if (state == NULL) {
        return 0;
    }
#define VISIT(type, name) Py_VISIT(state->name);
    HEKA_STATE_OBJECTS(VISIT)
#undef VISIT
    return 0; /* names and text_cache hold str only, which form no cycle */
}

static int
module_clear(PyObject *module)
{
    heka_state *state = heka_state_of_module(module);
    if (state == NULL) {
        return 0;
    }
#define CLEAR(type, name) Py_CLEAR(state->name);
    HEKA_STATE_OBJECTS(CLEAR)
#undef CLEAR
    for (size_t i = 0; i < HEKA_NAME_COUNT; i++) {
        Py_CLEAR(state->names[i]);
    }
    for (size_t i = 0; i < HEKA_TEXT_CACHE; i++) {
        Py_CLEAR(state->text_cache[i]);
    }
    return 0;
}

static void
module_free(void *module)
{
    (void)module_clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "heka._core",
    .m_doc = "The C core of heka: messages, frames, signatures, queues and sending.",
    .m_size = sizeof(heka_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
