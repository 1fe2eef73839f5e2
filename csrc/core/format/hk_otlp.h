/* hk_otlp.h -- messages as the body of an OTLP request: ExportLogsServiceRequest, in protobuf.
 *
 *     Hostname, pid   resource attributes host.name, process.pid, and those of hk_otlp_options
 *     Logger          name of the instrumentation scope
 *     Timestamp       time_unix_nano; one before 1970 is 0, with the attribute heka.timestamp
 *     Severity        severity_number 21 19 18 17 13 10 9 5 for 0 to 7, severity_text its name
 *     Type            event_name
 *     Payload         body
 *     Uuid            attribute log.record.uid, in its 8-4-4-4-12 form
 *     EnvVersion      attribute heka.env_version, unless it is empty or "0.8"
 *     fields          attributes of the same types; several values are an array, none is no value
 *
 * Fields trace_id and span_id of 32 and 16 hexadecimal digits are those of the record. An attribute
 * has a name once: of several fields with one name the first is written, and the others are counted
 * in dropped_attributes_count. Text that is no UTF-8 gets U+FFFD for each wrong byte: collectors
 * pass broken text on. Representations of fields are not written.
 *
 * Messages that follow each other share a resource and a scope when they are equal.
 *
 * No state, reentrant. Allocates to let *out grow, and for messages of many fields.
 * Source: opentelemetry-proto 1.5, logs/v1 and common/v1. Includes: hk_buffer.h, hk_block.h. */
#ifndef HK_OTLP_H
#define HK_OTLP_H

#include "core/base/hk_buffer.h"
#include "core/wire/hk_block.h"

typedef struct {
    hk_slice resource; /* borrowed: further attributes of each resource, encoded entries of tag 1 */
    int64_t now;       /* observed_time_unix_nano; nanoseconds since 1970 */
} hk_otlp_options;

/* Appends the request with all messages of *block. HK_ERR_NOMEM; HK_ERR_TOO_BIG past the limit of
 * *out; *out then has its old contents. err may be NULL. */
HK_CHECK hk_status hk_otlp_logs(const hk_block *block, const hk_otlp_options *options,
                                hk_buffer *out, hk_error *err);

#endif
