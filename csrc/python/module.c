/* module.c -- heka._core: the tables, and the order in which its parts are made. */
#include "core/wire/hk_uuid.h"
#include "python/base/state.h"
#include "python/messages/codec.h"
#include "sources.h"

static PyMethodDef methods[] = {
    {"pack", (PyCFunction)(void (*)(void))heka_pack, METH_FASTCALL | METH_KEYWORDS, heka_pack_doc},
    {"frame", (PyCFunction)(void (*)(void))heka_frame, METH_FASTCALL | METH_KEYWORDS,
     heka_frame_doc},
    {"set_sources", (PyCFunction)(void (*)(void))heka_set_sources, METH_FASTCALL | METH_KEYWORDS,
     heka_set_sources_doc},
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
    if (heka_errors_init(module, state) < 0 || heka_args_init(state) < 0 ||
        heka_text_init(state) < 0 || heka_head_init(state) < 0 || heka_coerce_init(state) < 0 ||
        heka_field_init(module, state) < 0 || heka_message_init(module, state) < 0 ||
        heka_signer_init(module, state) < 0 || heka_reader_init(module, state) < 0 ||
        heka_sink_init(module, state) < 0 || heka_settings_type_init(module, state) < 0 ||
        heka_bound_init(module, state) < 0 || heka_ring_init(module, state) < 0 ||
        heka_emitter_init(module, state) < 0 || heka_no_timer_init(module, state) < 0 ||
        heka_client_init(module, state) < 0) {
        return -1;
    }
    if (PyModule_AddIntConstant(module, "MESSAGE_MAX", HK_MESSAGE_MAX) < 0 ||
        PyModule_AddIntConstant(module, "HEADER_MAX", HK_HEADER_MAX) < 0) {
        return -1;
    }
    const bool is_main = PyInterpreterState_Get() == PyInterpreterState_Main();
    if (PyModule_AddObjectRef(module, "IN_MAIN_INTERPRETER", is_main ? Py_True : Py_False) < 0) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "UUID_SIZE", HK_UUID_SIZE);
}

/* Applies `each` to every pointer of the state, for traverse and for clear. */
#define FOR_EACH_OBJECT(each)                                                                  \
    each(HekaError) each(EncodeError) each(FieldError) each(DecodeError) each(SignatureError)  \
        each(ConfigError) each(empty) each(env_version) each(hostname) each(datetime_type)     \
            each(epoch) each(uuid_type) each(clock_source) each(uuid_source) each(enum_type)   \
                each(mapping_type) each(field_type) each(message_type) each(signer_type)       \
                    each(frame_type) each(reader_type) each(sink_type) each(emitter_type)      \
                        each(ring_type) each(settings_type) each(bound_type) each(client_type) \
                            each(no_timer_type) each(context_var) each(counter) each(gauge)    \
                                each(timer) each(every) each(one) each(plan_name)              \
                                    each(make_timer_name) each(write_name) each(flush_name)

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    const heka_state *state = heka_state_of_module(module);
    if (state == NULL) {
        return 0;
    }
#define VISIT(name) Py_VISIT(state->name);
    FOR_EACH_OBJECT(VISIT)
#undef VISIT
    return 0; /* the names and the cache are str */
}

static int
module_clear(PyObject *module)
{
    heka_state *state = heka_state_of_module(module);
    if (state == NULL) {
        return 0;
    }
#define CLEAR(name) Py_CLEAR(state->name);
    FOR_EACH_OBJECT(CLEAR)
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
    .m_doc = "The C core of heka: messages, frames, signatures, and the way to the socket.",
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
