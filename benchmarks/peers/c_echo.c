/* Calls written in C on librabbitmq: what the broker itself can do, with nothing slow on either side of it.
 *
 * The queues are of the kinds that Toolwire uses: quorum for requests, durable classic for answers. Messages are
 * persistent, publishes are confirmed, and a request is acknowledged when its answer is confirmed.
 * Build: cc -O2 -o c_echo c_echo.c -lrabbitmq
 */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHANNEL 1
#define PREFETCH 256
#define WARM_UP_S 1.0
#define MOST_CALLS 4000000
#define MOST_IN_FLIGHT 4096
#define LONGEST_ID 16
#define WANTED_TOTAL 6.75

static const char *REQUEST = "{\"numbers\": [1.5, 2.25, 3.0]}";
static const char *REQUESTS = "echo";
static const char *ANSWERS = "echo.answers";

typedef struct {
    char body[4096];
    amqp_bytes_t correlation_id, reply_to; /* in the library's memory until the next release */
} Delivery;

static void fail(const char *what) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void must(amqp_rpc_reply_t reply, const char *what) {
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

static double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static amqp_connection_state_t connect_to(char *url) {
    struct amqp_connection_info info;
    if (amqp_parse_url(url, &info) != AMQP_STATUS_OK) fail("reading the URL");
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (!socket || amqp_socket_open(socket, info.host, info.port)) fail("connecting");
    must(amqp_login(connection, info.vhost, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, info.user, info.password), "login");
    amqp_channel_open(connection, CHANNEL);
    must(amqp_get_rpc_reply(connection), "opening a channel");
    amqp_confirm_select(connection, CHANNEL);
    must(amqp_get_rpc_reply(connection), "asking for confirms");
    return connection;
}

static void declare(amqp_connection_state_t connection, const char *queue, const char *type) {
    amqp_table_entry_t entry;
    entry.key = amqp_cstring_bytes("x-queue-type");
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = amqp_cstring_bytes(type);
    amqp_table_t arguments = {1, &entry};
    amqp_queue_declare(connection, CHANNEL, amqp_cstring_bytes(queue), 0, 1, 0, 0, arguments);
    must(amqp_get_rpc_reply(connection), "declaring a queue");
}

static void consume(amqp_connection_state_t connection, const char *queue, int no_ack) {
    amqp_basic_qos(connection, CHANNEL, 0, PREFETCH, 0);
    must(amqp_get_rpc_reply(connection), "setting the prefetch");
    amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, no_ack, 0, amqp_empty_table);
    must(amqp_get_rpc_reply(connection), "consuming");
}

static void publish(amqp_connection_state_t connection, amqp_bytes_t queue, const char *body, amqp_bytes_t id,
                    amqp_bytes_t reply_to) {
    amqp_basic_properties_t properties;
    memset(&properties, 0, sizeof properties);
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG;
    properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
    properties.correlation_id = id;
    if (reply_to.len) {
        properties._flags |= AMQP_BASIC_REPLY_TO_FLAG;
        properties.reply_to = reply_to;
    }
    if (amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, queue, 0, 0, &properties, amqp_cstring_bytes(body)))
        fail("publishing");
}

/* The rest of a delivery: its header, and its body in as many frames as it takes. */
static void read_delivery(amqp_connection_state_t connection, Delivery *into) {
    amqp_frame_t frame;
    if (amqp_simple_wait_frame(connection, &frame) || frame.frame_type != AMQP_FRAME_HEADER) fail("reading a header");
    amqp_basic_properties_t *properties = frame.payload.properties.decoded;
    into->correlation_id = properties->correlation_id;
    into->reply_to = properties->reply_to;
    size_t left = frame.payload.properties.body_size, at = 0;
    if (left >= sizeof into->body) fail("a body that fits");
    while (left > 0) {
        if (amqp_simple_wait_frame(connection, &frame) || frame.frame_type != AMQP_FRAME_BODY) fail("reading a body");
        memcpy(into->body + at, frame.payload.body_fragment.bytes, frame.payload.body_fragment.len);
        at += frame.payload.body_fragment.len;
        left -= frame.payload.body_fragment.len;
    }
    into->body[at] = 0;
}

static double sum_of_numbers(const char *body) {
    const char *at = strchr(body, '[');
    double total = 0;
    if (!at) fail("finding the numbers");
    do {
        char *end;
        total += strtod(at + 1, &end);
        at = end;
    } while (*at == ',');
    return total;
}

/* Deliveries and answers are numbered alike, because each is answered in its turn: one confirm is one ack. */
static void serve(amqp_connection_state_t connection) {
    declare(connection, REQUESTS, "quorum");
    consume(connection, REQUESTS, 0);
    printf("{\"ready\": true}\n");
    fflush(stdout);
    for (;;) {
        amqp_frame_t frame;
        amqp_maybe_release_buffers(connection);
        if (amqp_simple_wait_frame(connection, &frame)) fail("waiting");
        if (frame.frame_type != AMQP_FRAME_METHOD) continue;
        if (frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD) {
            Delivery delivery;
            char answer[64];
            read_delivery(connection, &delivery);
            snprintf(answer, sizeof answer, "{\"total\": %.17g}", sum_of_numbers(delivery.body));
            publish(connection, delivery.reply_to, answer, delivery.correlation_id, amqp_empty_bytes);
        } else if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
            amqp_basic_ack_t *confirm = frame.payload.method.decoded;
            amqp_basic_ack(connection, CHANNEL, confirm->delivery_tag, confirm->multiple);
        } else {
            fail("being understood by the broker");
        }
    }
}

static int in_order(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static void report(double *took, size_t done, double seconds, double cpu) {
    qsort(took, done, sizeof *took, in_order);
    printf("{\"done\": %zu, \"seconds\": %.4f, \"cpu_s\": %.4f, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"errors\": 0}\n", done,
           seconds, cpu, done ? 1e3 * took[done / 2] : 0, done ? 1e3 * took[done * 99 / 100] : 0);
    fflush(stdout);
}

static void ask(amqp_connection_state_t connection, int slot, double *asked) {
    char id[LONGEST_ID];
    snprintf(id, sizeof id, "%d", slot);
    asked[slot] = seconds_of(CLOCK_MONOTONIC);
    publish(connection, amqp_cstring_bytes(REQUESTS), REQUEST, amqp_cstring_bytes(id), amqp_cstring_bytes(ANSWERS));
}

/* Which of the calls under way was answered. */
static int answered(amqp_connection_state_t connection) {
    Delivery delivery;
    char id[LONGEST_ID];
    read_delivery(connection, &delivery);
    const char *total = strchr(delivery.body, ':');
    if (!total || strtod(total + 1, NULL) != WANTED_TOTAL) fail("the sum");
    if (delivery.correlation_id.len >= sizeof id) fail("an id that fits");
    memcpy(id, delivery.correlation_id.bytes, delivery.correlation_id.len);
    id[delivery.correlation_id.len] = 0;
    return atoi(id);
}

static int load(amqp_connection_state_t connection, int in_flight, double seconds) {
    static double asked[MOST_IN_FLIGHT];
    double *took = malloc(MOST_CALLS * sizeof *took);
    size_t done = 0;
    if (!took || in_flight > MOST_IN_FLIGHT) fail("having room");
    declare(connection, ANSWERS, "classic");
    amqp_queue_purge(connection, CHANNEL, amqp_cstring_bytes(ANSWERS)); /* of what a former load did not wait for */
    must(amqp_get_rpc_reply(connection), "emptying the queue");
    consume(connection, ANSWERS, 1);
    double began = seconds_of(CLOCK_MONOTONIC), cpu = 0;
    int warm = 0;
    for (int slot = 0; slot < in_flight; slot++) ask(connection, slot, asked);
    for (;;) {
        amqp_frame_t frame;
        amqp_maybe_release_buffers(connection);
        if (amqp_simple_wait_frame(connection, &frame)) fail("waiting");
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id == AMQP_BASIC_ACK_METHOD) continue;
        if (frame.payload.method.id != AMQP_BASIC_DELIVER_METHOD) fail("being understood by the broker");
        int slot = answered(connection);
        double now = seconds_of(CLOCK_MONOTONIC);
        if (done < MOST_CALLS) took[done++] = now - asked[slot];
        if (!warm && now - began >= WARM_UP_S) {
            printf("{\"warm\": true}\n");
            fflush(stdout);
            warm = 1, done = 0, began = now, cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        } else if (warm && now - began >= seconds) {
            report(took, done, now - began, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
            return 0;
        }
        ask(connection, slot, asked);
    }
}

static const char *given(int count, char **arguments, const char *name, const char *usual) {
    for (int at = 1; at + 1 < count; at++)
        if (!strcmp(arguments[at], name)) return arguments[at + 1];
    return usual;
}

int main(int count, char **arguments) {
    char *url = strdup(given(count, arguments, "--url", ""));
    if (count < 2 || !*url) fail("finding out what to do: serve|load --url URL");
    amqp_connection_state_t connection = connect_to(url);
    if (!strcmp(arguments[1], "serve")) serve(connection);
    return load(connection, atoi(given(count, arguments, "--in-flight", "1")),
                atof(given(count, arguments, "--seconds", "3")));
}
