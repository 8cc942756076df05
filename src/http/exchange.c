/*
 * One connection of the server: read a head, answer it, wait for the next. While an answer is being
 * taken nothing is read, so a client that only asks stays within its socket's buffers. Answers go
 * out slice by slice, as the kernel takes them. A connection that is not kept ends politely: our
 * end first, then what the client still sends is thrown away for a moment, since closing over
 * unread bytes resets the connection and may destroy the answer on its way (RFC 9112 section 9.6).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "http/server_impl.h"
#include <string.h>

#define SLICE       (64u << 10)
#define ENDING_NS   (2 * WM_NS_PER_S)
#define ENDING_MAX  (256u << 10) /* bytes that are thrown away */
#define PLAIN_TEXT  "text/plain; charset=utf-8"
#define RETRY_AFTER "1"

static void read_head(struct wm_http_exchange *x);

void wm_http_exchange_free(struct wm_http_exchange *x)
{
	struct wm_http_server *s = x->server;
	s->stats.connections--;
	s->bytes_waiting -= x->out.len - x->sent;
	wm_list_remove(&x->node);
	wm_timer_stop(&x->limit);
	wm_defer_cancel(&x->next);
	wm_conn_close(x->conn);
	wm_buf_fini(&x->in);
	wm_buf_fini(&x->out);
	wm_free(x);
}

static void move_to(struct wm_http_exchange *x, struct wm_list *list)
{
	wm_list_remove(&x->node);
	wm_list_push(list, &x->node);
}

/* ---- after the answer ---- */

static void on_ended(struct wm_timer *t)
{
	wm_http_exchange_free(wm_container_of(t, struct wm_http_exchange, limit));
}

static void end_politely(struct wm_http_exchange *x)
{
	x->at = WM_HTTP_ENDING;
	move_to(x, &x->server->waiting);
	wm_buf_fini(&x->in);
	wm_conn_shutdown(x->conn);
	wm_timer_start(x->server->loop, &x->limit, ENDING_NS, on_ended);
	wm_conn_read_start(x->conn);
}

static void on_next(struct wm_defer *d)
{
	read_head(wm_container_of(d, struct wm_http_exchange, next));
}

static void on_late(struct wm_timer *t);

static void wait_for_request(struct wm_http_exchange *x)
{
	struct wm_http_server *s = x->server;
	x->at = WM_HTTP_READING;
	x->scan = (struct wm_http_scan){0};
	move_to(x, &s->waiting);
	wm_timer_start(s->loop, &x->limit, x->in.len > 0 ? s->opts.head_ns : s->opts.idle_ns,
		       on_late);
	if (x->in.len > 0) /* in the loop's next turn: others come in between */
		wm_defer(s->loop, &x->next, on_next);
	else
		wm_conn_read_start(x->conn);
}

/* ---- the answer ---- */

static void on_not_taken(struct wm_timer *t)
{
	wm_http_exchange_free(wm_container_of(t, struct wm_http_exchange, limit));
}

static void send_more(struct wm_http_exchange *x)
{
	while (x->sent < x->out.len && wm_conn_queued(x->conn) == 0) {
		size_t rest = x->out.len - x->sent;
		size_t n = rest < SLICE ? rest : SLICE;
		wm_conn_write(x->conn, x->out.data + x->sent, n);
		x->sent += n;
		x->server->bytes_waiting -= n;
	}
	if (x->sent < x->out.len || wm_conn_queued(x->conn) > 0)
		return;
	wm_buf_fini(&x->out);
	x->sent = 0;
	if (x->keep_alive)
		wait_for_request(x);
	else
		end_politely(x);
}

static void add_head(struct wm_http_exchange *x, const struct wm_http_answer *a)
{
	const struct wm_http_status *status = &wm_http_statuses[wm_http_status_index(a->status)];
	char date[WM_HTTP_DATE_TEXT];
	wm_buf_printf(&x->out,
		      "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
		      status->code, status->reason, wm_http_date_format(wm_clock_wall(), date),
		      a->type != NULL ? a->type : PLAIN_TEXT, a->body.len);
	wm_buf_add_str(&x->out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
	if (status->code == 405)
		wm_buf_add_str(&x->out, "Allow: GET, HEAD\r\n");
	if (status->code == 503)
		wm_buf_add_str(&x->out, "Retry-After: " RETRY_AFTER "\r\n");
	wm_buf_add_str(&x->out, x->keep_alive ? "Connection: keep-alive\r\n\r\n"
					      : "Connection: close\r\n\r\n");
}

/* Takes @a's body. */
static void send_answer(struct wm_http_exchange *x, struct wm_http_answer *a, bool head_only)
{
	struct wm_http_server *s = x->server;
	size_t at = wm_http_status_index(a->status);
	s->stats.answers[at]++;
	if (a->body.len == 0 && a->status != 200)
		wm_buf_printf(&a->body, "%u %s\n", wm_http_statuses[at].code,
			      wm_http_statuses[at].reason);
	x->at = WM_HTTP_ANSWERING;
	move_to(x, &s->busy);
	wm_conn_read_pause(x->conn);
	wm_defer_cancel(&x->next);
	wm_timer_start(s->loop, &x->limit, s->opts.answer_ns, on_not_taken);
	add_head(x, a);
	if (!head_only)
		wm_buf_add(&x->out, a->body.data, a->body.len);
	wm_buf_fini(&a->body);
	s->bytes_waiting += x->out.len;
	send_more(x);
}

static void send_status(struct wm_http_exchange *x, unsigned status, bool head_only)
{
	struct wm_http_answer a = {.status = status};
	send_answer(x, &a, head_only);
}

/* ---- the request ---- */

/* Who has said nothing is not told either. */
static void on_late(struct wm_timer *t)
{
	struct wm_http_exchange *x = wm_container_of(t, struct wm_http_exchange, limit);
	if (x->in.len == 0) {
		wm_http_exchange_free(x);
		return;
	}
	x->keep_alive = false;
	send_status(x, 408, false);
}

static void answer_head(struct wm_http_exchange *x, const struct wm_http_head *head)
{
	struct wm_http_server *s = x->server;
	struct wm_http_answer a = {.status = 404};
	x->keep_alive = head->keep_alive;
	if (head->status != 0)
		return send_status(x, head->status, head->is_head_only);
	if (s->bytes_waiting > s->opts.max_waiting)
		return send_status(x, 503, head->is_head_only);
	s->opts.answer(s->opts.arg, head, &a);
	send_answer(x, &a, head->is_head_only);
}

static void read_head(struct wm_http_exchange *x)
{
	struct wm_http_head head;
	size_t used = wm_http_head_decode(&x->scan, x->in.data, x->in.len, &head);
	if (used == 0) {
		wm_conn_read_start(x->conn);
		return;
	}
	wm_buf_consume(&x->in, used);
	if (x->in.len == 0)
		wm_buf_fini(&x->in);
	answer_head(x, &head);
}

static void on_read(void *arg, struct wm_conn *c, const uint8_t *data, size_t len,
		    const struct wm_err *err)
{
	struct wm_http_exchange *x = arg;
	if (len == 0) {
		wm_http_exchange_free(x);
		return;
	}
	if (x->at == WM_HTTP_ENDING) {
		x->thrown_away += len;
		if (x->thrown_away > ENDING_MAX)
			wm_http_exchange_free(x);
		return;
	}
	if (x->in.len == 0)
		wm_timer_start(x->server->loop, &x->limit, x->server->opts.head_ns, on_late);
	wm_buf_add(&x->in, data, len);
	read_head(x);
}

static void on_drain(void *arg, struct wm_conn *c)
{
	struct wm_http_exchange *x = arg;
	if (x->at == WM_HTTP_ANSWERING)
		send_more(x);
}

void wm_http_exchange_new(struct wm_http_server *s, struct wm_conn *c)
{
	static const struct wm_conn_events events = {.on_read = on_read, .on_drain = on_drain};
	struct wm_http_exchange *x = wm_alloc(sizeof(*x));
	x->server = s;
	x->conn = c;
	wm_conn_set_events(c, &events, x);
	wm_list_push(&s->waiting, &x->node);
	wm_timer_start(s->loop, &x->limit, s->opts.head_ns, on_late);
	wm_conn_read_start(c);
}
