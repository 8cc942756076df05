/* TOML files: what is read of TOML 1.0, what it forbids, limits at and above their value. */
#include "formats.h"
#include "base/mem.h"
#include "conf/toml.h"

static const struct row keys[] = {
	{"", "{}"},
	{"# only\n\n  # comments\t\xc3\xa4", "{}"},
	{"a = 1", "{a:i1}"},
	{"\ta\t=\t1\t# why\r\nb=2\n", "{a:i1,b:i2}"},
	{"1-_Z = 1\n1234 = 2\n", "{1-_Z:i1,1234:i2}"},
	{"\"a b\" = 1\n'c.d' = 2\n\"\\u00e4\" = 3", "{a b:i1,c.d:i2,\xc3\xa4:i3}"},
	{"a.b.c = 1\na.b.d = 2\na . \"e\" = 3", "{a:{b:{c:i1,d:i2},e:i3}}"},
	{"3.14 = 'pi'", "{3:{14:tpi}}"},
	{"a.x = 1\nb.x = 2\na.y = 3", "{a:{x:i1,y:i3},b:{x:i2}}"},
};

static const struct row texts[] = {
	{"a = \"\"\nb = ''", "{a:t,b:t}"},
	{"a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "{a:t\b\t\n\f\r\"\\}"},
	{"a = \"\\u20ac\\U0001F600\"", "{a:t\xe2\x82\xac\xf0\x9f\x98\x80}"},
	{"a = '\\n \"x\"'", "{a:t\\n \"x\"}"},
	{"a = \"# no comment\" # one", "{a:t# no comment}"},
	{"a = \"\"\"\nx\ny\"\"\"\nb = 1", "{a:tx\ny,b:i1}"},
	{"a = \"\"\"\r\nx\r\ny\"\"\"", "{a:tx\ny}"},
	{"a = \"\"\"x\\\n\n  \t y\\   \n z\"\"\"", "{a:txyz}"},
	{"a = \"\"\"\"x\"\" y\"\"\"\"\"", "{a:t\"x\"\" y\"\"}"},
	{"a = \"\"\"\"\"\"", "{a:t}"},
	{"a = '''\n'x''\\\ny'''''", "{a:t'x''\\\ny''}"},
};

static const struct row values[] = {
	{"a = +99\nb = -17\nc = 0\nd = -0", "{a:i99,b:i-17,c:i0,d:i0}"},
	{"a = 1_000\nb = 0xdead_BEEF\nc = 0o755\nd = 0b1101",
	 "{a:i1000,b:i3735928559,c:i493,d:i13}"},
	{"a = 9223372036854775807\nb = -9223372036854775808",
	 "{a:i9223372036854775807,b:i-9223372036854775808}"},
	{"a = 3.14\nb = -0.01\nc = 5e+22\nd = 1e06\ne = 6.6E-3\nf = 1_0.0_1",
	 "{a:f3.14,b:f-0.01,c:f5e+22,d:f1e06,e:f6.6E-3,f:f10.01}"},
	{"a = inf\nb = -inf\nc = +nan", "{a:finf,b:f-inf,c:f+nan}"},
	{"a = true\nb = false", "{a:btrue,b:bfalse}"},
	{"a = []\nb = [1,2]\nc = [ 'x', [1, \"y\"], ]", "{a:[],b:[i1,i2],c:[tx,[i1,ty]]}"},
	{"a = [ # one\n 1 # two\n # three\n , 2,\n\n]\nb = 3", "{a:[i1,i2],b:i3}"},
	{"a = {}\nb = { }\nc = {x = 1, y.z = 2, y.w = 3}", "{a:{},b:{},c:{x:i1,y:{z:i2,w:i3}}}"},
	{"a = [{x = 1}, {x = 2}]", "{a:[{x:i1},{x:i2}]}"},
	{"a = {b = [\n1\n]}", "{a:{b:[i1]}}"},
};

static const struct row tables[] = {
	{"[a]\nx = 1\n[b]\nx = 2", "{a:{x:i1},b:{x:i2}}"},
	{"[ a . \"b.c\" ] # why\nx = 1", "{a:{b.c:{x:i1}}}"},
	{"[a.b.c]\nx = 1\n[a]\ny = 2", "{a:{b:{c:{x:i1}},y:i2}}"},
	{"[a]\n[a.b]\n[a.b.c]", "{a:{b:{c:{}}}}"},
	{"[a]\nb.c = 1\n[a.b.d]\nx = 2", "{a:{b:{c:i1,d:{x:i2}}}}"},
	{"[[a]]\nx = 1\n[[a]]\n[[a]]\nx = 3", "{a:[{x:i1},{},{x:i3}]}"},
	{"[[a]]\nx = 1\n[a.b]\ny = 2\n[[a.c]]\nz = 3\n[[a]]\n[a.b]\ny = 4",
	 "{a:[{x:i1,b:{y:i2},c:[{z:i3}]},{b:{y:i4}}]}"},
	{"x = 1\n[a]\nx = 1\n[b.x]", "{x:i1,a:{x:i1},b:{x:{}}}"},
};

static const struct row bad_words[] = {
	{"a", "f:1: not TOML: wants '=', found the end of the file"},
	{"= 1", "f:1: not TOML: wants a key, found '='"},
	{"a.= 1", "f:1: not TOML: wants a key, found '='"},
	{".a = 1", "f:1: not TOML: wants a key, found '.'"},
	{"\xc3\xa4 = 1", "f:1: not TOML: wants a key, found the byte 0xc3"},
	{"\"\" = 1", "f:1: a key is empty"},
	{"\"\"\"a\"\"\" = 1", "f:1: not TOML: a key of several lines"},
	{"a b = 1", "f:1: not TOML: wants '=', found 'b'"},
	{"a\n= 1", "f:1: not TOML: wants '=', found the end of the line"},
	{"a =\n1", "f:1: not TOML: wants a value, found the end of the line"},
	{"a = 1 b = 2", "f:1: not TOML: wants the end of the line, found 'b'"},
	{"a = 1\rb = 2", "f:1: not TOML: wants the end of the line, found the end of the line"},
	{"# a\x01", "f:1: not TOML: wants the end of a comment, found the byte 0x01"},
	{"# a\r", "f:1: not TOML: wants the end of a comment, found the end of the line"},
	{"a = \"x", "f:1: not TOML: wants the quote at the end of text, found the end of the file"},
	{"a = 'x\n'",
	 "f:1: not TOML: wants the quote at the end of text, found the end of the line"},
	{"a = \"x\ny\"",
	 "f:1: not TOML: wants the quote at the end of text, found the end of the line"},
	{"a = \"\"\"\n\nx",
	 "f:3: not TOML: wants the quote at the end of text, found the end of the file"},
	{"a = '''\rx'''",
	 "f:1: not TOML: wants the quote at the end of text, found the end of the line"},
	{"a = \"\x7f\"", "f:1: not TOML: wants the quote at the end of text, found the byte 0x7f"},
	{"a = '''x''''''", "f:1: not TOML: wants the end of the line, found '''"},
	{"a = \"\\x\"", "f:1: not TOML: wants an escape, found 'x'"},
	{"a = \"\\\n\"", "f:1: not TOML: wants an escape, found the end of the line"},
	{"a = \"\"\"\\ x\"\"\"", "f:1: not TOML: wants an escape, found ' '"},
	{"a = \"\\u12\"", "f:1: not TOML: wants a hexadecimal digit, found '\"'"},
	{"a = \"\\ud800\"", "f:1: not TOML: an escape that is no character"},
	{"a = \"\\U00110000\"", "f:1: not TOML: an escape that is no character"},
	{"a = \"\\u0000\"", "f:1: text holds a NUL character"},
	{"\na = '\xff'", "f:2: not TOML: a byte that is no UTF-8 text"},
	{"a = 'x' 'y'", "f:1: not TOML: wants the end of the line, found '''"},
};

#define NOT_A_VALUE \
	"f:1: not TOML: a value that is neither text in quotes nor a number, true or false"

static const struct row bad_values[] = {
	{"a = yes", NOT_A_VALUE},
	{"a = True", NOT_A_VALUE},
	{"a = 01", NOT_A_VALUE},
	{"a = +01", NOT_A_VALUE},
	{"a = 1__0", NOT_A_VALUE},
	{"a = _1", NOT_A_VALUE},
	{"a = 1_", NOT_A_VALUE},
	{"a = 1.", NOT_A_VALUE},
	{"a = .5", NOT_A_VALUE},
	{"a = 1.e5", NOT_A_VALUE},
	{"a = 1e", NOT_A_VALUE},
	{"a = 1_.0", NOT_A_VALUE},
	{"a = 1e_5", NOT_A_VALUE},
	{"a = ++1", NOT_A_VALUE},
	{"a = -0x1", NOT_A_VALUE},
	{"a = 1.2.3", NOT_A_VALUE},
	{"a = Inf", NOT_A_VALUE},
	{"a = 0x", "f:1: not TOML: a number that is none"},
	{"a = 0x_1", "f:1: not TOML: a number that is none"},
	{"a = 0x0x1", "f:1: not TOML: a number that is none"},
	{"a = 0x-1", "f:1: not TOML: a number that is none"},
	{"a = 0o8", "f:1: not TOML: a number that is none"},
	{"a = 0b12", "f:1: not TOML: a number that is none"},
	{"a = 9223372036854775808", "f:1: not TOML: a number beyond 64 bits"},
	{"a = 0xffffffffffffffff", "f:1: not TOML: a number beyond 64 bits"},
	{"a = 1979-05-27T07:32:00Z", "f:1: dates and times are not accepted"},
	{"a = 1979-05-27 07:32:00", "f:1: dates and times are not accepted"},
	{"a = 07:32:00", "f:1: dates and times are not accepted"},
	{"a = [1 2]", "f:1: not TOML: wants ',' or ']', found '2'"},
	{"a = [,]", "f:1: not TOML: wants a value, found ','"},
	{"a = [\n1,\n", "f:3: not TOML: wants a value, found the end of the file"},
	{"a = [ # \x02\n]", "f:1: not TOML: wants the end of a comment, found the byte 0x02"},
	{"a = {b = 1,}", "f:1: not TOML: wants a key, found '}'"},
	{"a = {b = 1\n}", "f:1: not TOML: wants ',' or '}', found the end of the line"},
	{"a = {,}", "f:1: not TOML: wants a key, found ','"},
	{"a = {b = 1, b = 2}", "f:1: \"b\" is already set in line 1"},
};

static const struct row bad_tables[] = {
	{"[", "f:1: not TOML: wants a key, found the end of the file"},
	{"[]", "f:1: not TOML: wants a key, found ']'"},
	{"[a", "f:1: not TOML: wants ']', found the end of the file"},
	{"[a.]", "f:1: not TOML: wants a key, found ']'"},
	{"[a] b = 1", "f:1: not TOML: wants the end of the line, found 'b'"},
	{"[[a]\n", "f:1: not TOML: wants ']]', found ']'"},
	{"[[a] ]", "f:1: not TOML: wants ']]', found ']'"},
	{"[ [a]]", "f:1: not TOML: wants a key, found '['"},
	{"a = 1\n\na = 2", "f:3: \"a\" is already set in line 1"},
	{"[a]\n[b]\n[a]", "f:3: \"a\" is already set in line 1"},
	{"a = 1\n[a]", "f:2: \"a\" is already set in line 1"},
	{"[a]\nb = 1\n[a.b]", "f:3: \"b\" is already set in line 2"},
	{"[a]\nb = 1\n[a.b.c]", "f:3: \"b\" is set in line 2; nothing can be added to it here"},
	{"[a]\nb.c = 1\n[a.b]", "f:3: \"b\" is already set in line 2"},
	{"[a.b]\n[a]\nb = 1", "f:3: \"b\" is already set in line 1"},
	{"[a.b.c]\nz = 9\n[a]\nb.c.t = 1",
	 "f:4: \"b\" is set in line 1; nothing can be added to it here"},
	{"a.b = 1\na.b.c = 2", "f:2: \"b\" is set in line 1; nothing can be added to it here"},
	{"a = {}\na.b = 1", "f:2: \"a\" is set in line 1; nothing can be added to it here"},
	{"a = {}\n[a.b]", "f:2: \"a\" is set in line 1; nothing can be added to it here"},
	{"a = {b = {}, b.c = 1}", "f:1: \"b\" is set in line 1; nothing can be added to it here"},
	{"a = [{}]\n[[a]]", "f:2: \"a\" is already set in line 1"},
	{"a = [{}]\n[a.b]", "f:2: \"a\" is set in line 1; nothing can be added to it here"},
	{"[a]\n[[a]]", "f:2: \"a\" is already set in line 1"},
	{"[[a]]\n[a]", "f:2: \"a\" is already set in line 1"},
	{"[[a]]\nb = 1\n[[a.b]]", "f:3: \"b\" is already set in line 2"},
	{"[[a.b]]\n[a]\nb.c = 1", "f:3: \"b\" is set in line 1; nothing can be added to it here"},
};

#define CHECK(rows) check_rows(wm_conf_toml_parse, rows, WM_ARRAY_LEN(rows))

static void test_good(void **state)
{
	CHECK(keys);
	CHECK(texts);
	CHECK(values);
	CHECK(tables);
}

static void test_bad(void **state)
{
	CHECK(bad_words);
	CHECK(bad_values);
	CHECK(bad_tables);
}

static void test_nul(void **state)
{
	static const struct row in_text = {"a='\0'", "f:1: not TOML: wants the quote at the end of "
						     "text, found the byte 0x00"};
	static const struct row outside = {"a=1\n\0", "f:2: not TOML: wants a key, found the byte "
						      "0x00"};
	check_row(wm_conf_toml_parse, &in_text, 5);
	check_row(wm_conf_toml_parse, &outside, 5);
}

static void test_lines(void **state)
{
	struct wm_arena arena;
	struct wm_conf_node *root;
	struct wm_err err;
	const char *text = "\na = '''\n\n'''\n[b]\r\nc = [\n1,\n2]\n";
	wm_arena_init(&arena, 0);
	assert_int_equal(wm_conf_toml_parse(&arena, "f", text, strlen(text), &root, &err), 0);
	assert_int_equal(wm_conf_node_find(root, "a")->line, 2);
	const struct wm_conf_node *b = wm_conf_node_find(root, "b");
	assert_int_equal(b->line, 5);
	assert_int_equal(b->first->line, 6);
	assert_int_equal(b->first->last->line, 8);
	wm_arena_fini(&arena);
}

static void test_limits(void **state)
{
	parse_fn f = wm_conf_toml_parse;
	check_many(f, "a = ", "[", 15, "]]]]]]]]]]]]]]]", "");
	check_many(f, "a = ", "[", 16, "]]]]]]]]]]]]]]]]", "f:1: the file is nested too deeply");
	check_many(f, "a = ", "[", 10000, "", "f:1: the file is nested too deeply");
	check_many(f, "a = ", "{a=", 10000, "", "f:1: the file is nested too deeply");
	check_many(f, "", "a.", 15, "a = 1", "");
	check_many(f, "", "a.", 16, "a = 1", "f:1: the file is nested too deeply");
	check_many(f, "[", "a.", 14, "a]", "");
	check_many(f, "[", "a.", 15, "a]", "f:1: the file is nested too deeply");
	check_many(f, "[[", "a.", 13, "a]]", "");
	check_many(f, "[[", "a.", 14, "a]]", "f:1: the file is nested too deeply");
	check_many(f, "a = [1", ",1", 8189, "]", "");
	check_many(f, "a = [1", ",1", 8190, "]", "f:1: the file has too many entries");
	check_many(f, "", "[[a]]\n", 8190, "", "");
	check_many(f, "", "[[a]]\n", 8191, "", "f:8191: the file has too many entries");
	check_many(f, "a = ", "1", 200, "", "f:1: not TOML: a number beyond 64 bits");
	check_many(f, "", "\n", WM_CONF_FILE_MAX, "", "");
	check_many(f, "", "\n", WM_CONF_FILE_MAX + 1, "", "f: larger than 1048576 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),    cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
