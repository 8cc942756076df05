/* Snapshots: the state out and in again, files that are whole or not there, and damage found. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/wire.h"
#include "cluster/copy.h"
#include "cluster/vault.h"

static const char incarnation[] = "00112233445566778899aabbccddeeff";

static char folder[40];

static int setup(void **state)
{
	strcpy(folder, "/tmp/wm-snap-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void open_state(struct wm_env *e)
{
	struct wm_env_opts o = {.ordered = true};
	struct wm_err err;

	if (wm_env_open(e, &o, &err) != 0)
		fail_msg("%s", err.text);
}

static void put(struct wm_env *e, const char *key, const char *value, size_t len, uint64_t revision)
{
	MDB_txn *txn;
	MDB_val k = {strlen(key) + 1, (void *)(uintptr_t)key}, v = {len + 8, NULL};
	struct wm_wire w;

	assert_int_equal(mdb_txn_begin(e->m.env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_put(txn, e->kv, &k, &v, MDB_RESERVE), 0);
	wm_wire_init_write(&w, v.mv_data, v.mv_size);
	wm_wire_put_be64(&w, revision);
	wm_wire_put(&w, value, len);
	assert_int_equal(wm_env_put_revision(e, txn, revision), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

static void fill_head(struct wm_snapshot_head *h, uint64_t index, uint64_t revision)
{
	*h = (struct wm_snapshot_head){.meta = {.index = index, .term = 3}, .revision = revision};
	h->meta.configuration.index = 1;
	wm_configuration_add(&h->meta.configuration, 77, "node-a", WM_MEMBER_VOTER);
	strcpy(h->incarnation, incarnation);
}

static void copy_out(struct wm_env *e, const struct wm_snapshot_head *h, int fd)
{
	MDB_txn *txn;
	uint64_t bytes;
	struct stat st;
	struct wm_err err;

	assert_int_equal(mdb_txn_begin(e->m.env, NULL, MDB_RDONLY, &txn), 0);
	if (wm_copy_state(e, txn, h, fd, NULL, &bytes, &err) != 0)
		fail_msg("%s", err.text);
	mdb_txn_abort(txn);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, bytes);
}

static char *value_of(struct wm_env *e, const char *key, size_t *len)
{
	MDB_txn *txn;
	MDB_val k = {strlen(key) + 1, (void *)(uintptr_t)key}, v;
	char *text = NULL;

	assert_int_equal(mdb_txn_begin(e->m.env, NULL, MDB_RDONLY, &txn), 0);
	if (mdb_get(txn, e->kv, &k, &v) == 0) {
		*len = v.mv_size - 8;
		text = wm_memdup((char *)v.mv_data + 8, *len);
	}
	mdb_txn_abort(txn);
	return text;
}

enum { KEYS = 9 };

static void fill_state(struct wm_env *e)
{
	char *big = wm_alloc(WM_VALUE_MAX);

	memset(big, 'x', WM_VALUE_MAX);
	for (int i = 0; i < KEYS; i++) {
		char key[20];

		snprintf(key, sizeof(key), "/big/%d", i);
		put(e, key, big, WM_VALUE_MAX, (uint64_t)i + 1);
	}
	put(e, "/", "", 0, KEYS + 1);
	put(e, "/small", "value", 5, KEYS + 2);
	wm_free(big);
}

/* More than one write transaction's worth, over a state that held other things. */
static void test_out_and_in(void **state)
{
	struct wm_env from, to;
	struct wm_snapshot_head head, found = {0};
	char path[80], *v;
	size_t len;
	struct wm_err err;
	int fd;

	open_state(&from);
	open_state(&to);
	fill_state(&from);
	put(&to, "/other", "gone", 4, 900);
	fill_head(&head, 42, KEYS + 2);
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	copy_out(&from, &head, fd);
	assert_int_equal(wm_verify_snapshot(fd, &found, &err), 0);
	assert_int_equal(found.meta.index, 42);
	assert_int_equal(found.meta.term, 3);
	assert_int_equal(found.meta.configuration.index, 1);
	assert_string_equal(found.meta.configuration.members[0].node_id, "node-a");
	assert_string_equal(found.incarnation, incarnation);
	if (wm_load_state(&to, fd, NULL, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(to.revision, KEYS + 2);
	assert_int_equal(to.applied_index, 42);
	assert_int_equal(to.applied_term, 3);
	assert_string_equal(to.incarnation, incarnation);
	assert_null(value_of(&to, "/other", &len));
	v = value_of(&to, "/small", &len);
	assert_memory_equal(v, "value", 5);
	wm_free(v);
	v = value_of(&to, "/big/8", &len);
	assert_int_equal(len, WM_VALUE_MAX);
	wm_free(v);
	wm_snapshot_head_fini(&head);
	wm_snapshot_head_fini(&found);
	close(fd);
	wm_env_close(&from);
	wm_env_close(&to);
}

/* Whatever is cut off or turned round, it is noticed before anything is made of it. */
static void test_damage(void **state)
{
	struct wm_env e;
	struct wm_snapshot_head head, found;
	char path[80];
	struct stat st;
	struct wm_err err;
	int fd;

	open_state(&e);
	put(&e, "/a", "1", 1, 1);
	put(&e, "/b", "2", 1, 2);
	fill_head(&head, 7, 2);
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	copy_out(&e, &head, fd);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t i = 0; i < st.st_size; i++) {
		uint8_t was, other;

		assert_int_equal(pread(fd, &was, 1, i), 1);
		other = was ^ 0x10;
		assert_int_equal(pwrite(fd, &other, 1, i), 1);
		found = (struct wm_snapshot_head){0};
		assert_int_equal(wm_verify_snapshot(fd, &found, &err), WM_DATA_LOSS);
		assert_int_equal(pwrite(fd, &was, 1, i), 1);
	}
	found = (struct wm_snapshot_head){0};
	assert_int_equal(wm_verify_snapshot(fd, &found, &err), 0);
	wm_snapshot_head_fini(&found);
	assert_int_equal(pwrite(fd, "x", 1, st.st_size), 1);
	assert_int_equal(wm_verify_snapshot(fd, &found, &err), WM_DATA_LOSS);
	for (off_t i = 0; i < st.st_size; i++) {
		assert_int_equal(ftruncate(fd, i), 0);
		found = (struct wm_snapshot_head){0};
		assert_int_equal(wm_verify_snapshot(fd, &found, &err), WM_DATA_LOSS);
	}
	wm_snapshot_head_fini(&head);
	close(fd);
	wm_env_close(&e);
}

/* A load that is cut short says of itself that it holds nothing. */
static void test_load_cut_short(void **state)
{
	struct wm_env e, to;
	struct wm_snapshot_head head;
	char path[80];
	struct stat st;
	struct wm_err err;
	int fd;

	open_state(&e);
	open_state(&to);
	fill_state(&e);
	fill_head(&head, 7, 2);
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	copy_out(&e, &head, fd);
	assert_int_equal(wm_load_state(&to, fd, NULL, &err), 0);
	assert_int_equal(to.applied_index, 7);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size - 2 * 1024 * 1024), 0);
	assert_int_equal(wm_load_state(&to, fd, NULL, &err), WM_DATA_LOSS);
	assert_int_equal(wm_env_reload(&to, &err), 0);
	assert_int_equal(to.applied_index, 0);
	wm_snapshot_head_fini(&head);
	close(fd);
	wm_env_close(&e);
	wm_env_close(&to);
}

static void publish(struct wm_vault *s, struct wm_env *e, uint64_t index)
{
	struct wm_snapshot_head head;
	struct wm_err err;
	int fd;

	fill_head(&head, index, 1);
	assert_int_equal(wm_vault_create(s, "taken", &fd, &err), 0);
	copy_out(e, &head, fd);
	if (wm_vault_publish(s, "taken", fd, &head.meta, &err) != 0)
		fail_msg("%s", err.text);
	wm_vault_tidy(s);
	wm_snapshot_head_fini(&head);
}

static bool has(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return wm_path_exists(path);
}

#define NAME(n) "snapshot-0000000000000000000" n "-00000000000000000003"

static void test_vault(void **state)
{
	struct wm_snapshot_meta meta = {.index = 2, .term = 3};
	struct wm_vault s;
	struct wm_env e;
	struct wm_err err;
	char path[200];
	int fd;

	open_state(&e);
	assert_int_equal(wm_vault_open(&s, folder, 2, NULL, &err), 0);
	assert_int_equal(wm_vault_share(&s, &fd, &err), WM_NOT_FOUND);
	publish(&s, &e, 1);
	publish(&s, &e, 2);
	assert_true(has(NAME("1")) && has(NAME("2")) && !has("taken.part"));
	publish(&s, &e, 3);
	assert_true(!has(NAME("1")) && has(NAME("2")) && has(NAME("3")));
	assert_int_equal(wm_vault_create(&s, "fetched", &fd, &err), 0);
	close(fd);
	wm_vault_close(&s);

	/* The log knows of the second only: the third did not come so far. */
	assert_int_equal(wm_vault_open(&s, folder, 2, &meta, &err), 0);
	assert_true(has(NAME("2")) && !has(NAME("3")) && !has("fetched.part"));
	assert_int_equal(s.index, 2);
	wm_vault_close(&s);

	snprintf(path, sizeof(path), "%s/%s", folder, NAME("2"));
	assert_int_equal(truncate(path, 30), 0);
	assert_int_equal(wm_vault_open(&s, folder, 2, &meta, &err), WM_DATA_LOSS);
	assert_non_null(strstr(err.text, "join again"));
	unlink(path);
	assert_int_equal(wm_vault_open(&s, folder, 2, &meta, &err), WM_DATA_LOSS);
	assert_non_null(strstr(err.text, "missing"));
	wm_env_close(&e);
}

/* Without a folder the newest is all there is, and it can be read while the next comes. */
static void test_vault_in_memory(void **state)
{
	struct wm_snapshot_head head = {0};
	struct wm_vault s;
	struct wm_env e;
	struct wm_err err;
	int fd;

	open_state(&e);
	assert_int_equal(wm_vault_open(&s, NULL, 2, NULL, &err), 0);
	publish(&s, &e, 5);
	assert_int_equal(wm_vault_share(&s, &fd, &err), 0);
	publish(&s, &e, 6);
	assert_int_equal(wm_verify_snapshot(fd, &head, &err), 0);
	assert_int_equal(head.meta.index, 5);
	wm_snapshot_head_fini(&head);
	close(fd);
	wm_vault_close(&s);
	wm_env_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_out_and_in), ROW(test_damage),          ROW(test_load_cut_short),
		ROW(test_vault),      ROW(test_vault_in_memory),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
