#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
	int n;
	struct wm_list node;
};

/* -1 for none */
static int number(struct wm_list *node)
{
	return node == NULL ? -1 : wm_container_of(node, struct item, node)->n;
}

static void test_an_empty_list(void **state)
{
	struct wm_list head, *it;

	wm_list_init(&head);
	assert_true(wm_list_is_empty(&head));
	assert_null(wm_list_first(&head));
	wm_list_each (it, &head)
		fail();
}

static void test_push_keeps_the_order(void **state)
{
	struct item items[4] = {{.n = 1}, {.n = 2}, {.n = 3}, {.n = 0}};
	struct wm_list head, *it;
	int expected = 0;

	wm_list_init(&head);
	for (int i = 0; i < 3; i++)
		wm_list_push(&head, &items[i].node);
	wm_list_push_front(&head, &items[3].node);
	wm_list_each (it, &head)
		assert_int_equal(number(it), expected++);
	assert_int_equal(expected, 4);
	assert_int_equal(number(wm_list_first(&head)), 0);
}

static void test_remove(void **state)
{
	struct item a = {.n = 1}, b = {.n = 2}, never = {0};
	struct wm_list head;

	wm_list_init(&head);
	wm_list_remove(&never.node); /* zeroed: in no list */
	assert_false(wm_list_is_linked(&never.node));
	wm_list_push(&head, &a.node);
	wm_list_push(&head, &b.node);
	assert_true(wm_list_is_linked(&a.node));
	wm_list_remove(&a.node);
	assert_false(wm_list_is_linked(&a.node));
	wm_list_remove(&a.node);
	assert_int_equal(number(wm_list_first(&head)), 2);
	wm_list_remove(&b.node);
	assert_true(wm_list_is_empty(&head));
	wm_list_push(&head, &a.node);
	assert_int_equal(number(wm_list_first(&head)), 1);
}

static void test_removing_while_walking(void **state)
{
	struct item items[10];
	struct wm_list head, *it, *tmp;
	int seen = 0, left = 0;

	wm_list_init(&head);
	for (int i = 0; i < 10; i++) {
		items[i] = (struct item){.n = i};
		wm_list_push(&head, &items[i].node);
	}
	wm_list_each_safe (it, tmp, &head) {
		seen++;
		if (number(it) % 2 == 0)
			wm_list_remove(it);
	}
	wm_list_each (it, &head) {
		assert_int_equal(number(it) % 2, 1);
		left++;
	}
	assert_int_equal(seen, 10);
	assert_int_equal(left, 5);
}

static void test_insert_after(void **state)
{
	struct item a = {.n = 1}, b = {.n = 2}, c = {.n = 3};
	struct wm_list head, *it;
	int expected = 1;

	wm_list_init(&head);
	wm_list_push(&head, &a.node);
	wm_list_push(&head, &c.node);
	wm_list_insert_after(&a.node, &b.node);
	wm_list_each (it, &head)
		assert_int_equal(number(it), expected++);
	assert_int_equal(expected, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_list), cmocka_unit_test(test_push_keeps_the_order),
		cmocka_unit_test(test_remove),        cmocka_unit_test(test_removing_while_walking),
		cmocka_unit_test(test_insert_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
