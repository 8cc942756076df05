/* JSON files: what RFC 8259 has and what it has not, limits at and above their value. */
#include "formats.h"
#include "base/mem.h"
#include "conf/json.h"

static const struct row good[] = {
	{"{}", "{}"},
	{" \t\r\n{ }\n", "{}"},
	{"{\"a\":1,\"b\":-0,\"c\":120}", "{a:i1,b:i-0,c:i120}"},
	{"{\"a\": 1.5, \"b\": 1e5, \"c\": 2E-7, \"d\": 0.1e+2}",
	 "{a:f1.5,b:f1e5,c:f2E-7,d:f0.1e+2}"},
	{"{\"a\":true,\"b\":false,\"c\":null}", "{a:btrue,b:bfalse,c:n}"},
	{"{\"a\":[],\"b\":[1,[2],{\"c\":\"d\"}]}", "{a:[],b:[i1,[i2],{c:td}]}"},
	{"{\"a\":{\"b\":{\"c\":\"\"}}}", "{a:{b:{c:t}}}"},
	{"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{a:t\"\\/\b\f\n\r\t}"},
	{"{\"a\":\"\\u00e4\\u20ac\\ud83d\\ude00\"}", "{a:t\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80}"},
	{"{\"\xc3\xa4\":\"\xe2\x82\xac \x7f\"}", "{\xc3\xa4:t\xe2\x82\xac \x7f}"},
	{"{\"a.b\":1,\"a\":{\"b\":2}}", "{a.b:i1,a:{b:i2}}"},
};

static const struct row bad[] = {
	{"", "f:1: not JSON: wants '{', found the end of the file"},
	{" \n ", "f:2: not JSON: wants '{', found the end of the file"},
	{"[]", "f:1: not JSON: wants '{', found '['"},
	{"\"a\"", "f:1: not JSON: wants '{', found '\"'"},
	{"# a\n{}", "f:1: not JSON: wants '{', found '#'"},
	{"\xef\xbb\xbf{}", "f:1: not JSON: wants '{', found the byte 0xef"},
	{"{} {}", "f:1: not JSON: wants nothing more, found '{'"},
	{"{\n\"a\":1,\n}", "f:3: not JSON: wants a key in double quotes, found '}'"},
	{"{,}", "f:1: not JSON: wants a key in double quotes, found ','"},
	{"{a:1}", "f:1: not JSON: wants a key in double quotes, found 'a'"},
	{"{'a':1}", "f:1: not JSON: wants a key in double quotes, found '''"},
	{"{\"a\" 1}", "f:1: not JSON: wants ':', found '1'"},
	{"{\"a\":}", "f:1: not JSON: wants a value, found '}'"},
	{"{\"a\":1", "f:1: not JSON: wants ',' or '}', found the end of the file"},
	{"{\"a\":1 \"b\":2}", "f:1: not JSON: wants ',' or '}', found '\"'"},
	{"{\"a\":[1 2]}", "f:1: not JSON: wants ',' or ']', found '2'"},
	{"{\"a\":[1,]}", "f:1: not JSON: wants a value, found ']'"},
	{"{\"a\":[\n", "f:2: not JSON: wants a value, found the end of the file"},
	{"{\"a\":nul}", "f:1: not JSON: wants a value, found 'n'"},
	{"{\"a\":truex}", "f:1: not JSON: wants ',' or '}', found 'x'"},
	{"{\"a\":True}", "f:1: not JSON: wants a value, found 'T'"},
	{"{\"a\":NaN}", "f:1: not JSON: wants a value, found 'N'"},
	{"{\"a\":01}", "f:1: not JSON: wants ',' or '}', found '1'"},
	{"{\"a\":+1}", "f:1: not JSON: wants a value, found '+'"},
	{"{\"a\":-}", "f:1: not JSON: wants a digit, found '}'"},
	{"{\"a\":.5}", "f:1: not JSON: wants a value, found '.'"},
	{"{\"a\":1.}", "f:1: not JSON: wants a digit, found '}'"},
	{"{\"a\":1e}", "f:1: not JSON: wants a digit, found '}'"},
	{"{\"a\":1e+}", "f:1: not JSON: wants a digit, found '}'"},
	{"{\"a\":0x10}", "f:1: not JSON: wants ',' or '}', found 'x'"},
	{"{\"a\":\"b", "f:1: not JSON: wants '\"' at the end of text, found the end of the file"},
	{"{\"a\":\"b\n\"}",
	 "f:1: not JSON: wants '\"' at the end of text, found the end of the line"},
	{"{\"a\":\"\x01\"}", "f:1: not JSON: wants '\"' at the end of text, found the byte 0x01"},
	{"{\"a\":\"\\x\"}", "f:1: not JSON: wants an escape, found 'x'"},
	{"{\"a\":\"\\", "f:1: not JSON: wants an escape, found the end of the file"},
	{"{\"a\":\"\\u12g4\"}", "f:1: not JSON: wants a hexadecimal digit, found 'g'"},
	{"{\"a\":\"\\ud800\"}", "f:1: not JSON: half of a surrogate pair"},
	{"{\"a\":\"\\ud800\\n\"}", "f:1: not JSON: half of a surrogate pair"},
	{"{\"a\":\"\\ud800\\u0041\"}", "f:1: not JSON: half of a surrogate pair"},
	{"{\"a\":\"\\ud800\\ud800\"}", "f:1: not JSON: half of a surrogate pair"},
	{"{\"a\":\"\\ud800\\u12\"}", "f:1: not JSON: wants a hexadecimal digit, found '\"'"},
	{"{\"a\":\"\\udc00\"}", "f:1: not JSON: an escape that is no character"},
	{"{\"a\":\"\\u0000\"}", "f:1: text holds a NUL character"},
	{"{\n\"a\":\"\xff\"}", "f:2: not JSON: a byte that is no UTF-8 text"},
	{"{\"a\":\"\xed\xa0\x80\"}", "f:1: not JSON: a byte that is no UTF-8 text"},
	{"{\"a\":1,\n\"b\":2,\n\"a\":3}", "f:3: \"a\" is already set in line 1"},
	{"{\"a\":1,\"\\u0061\":{}}", "f:1: \"a\" is already set in line 1"},
	{"{\"\":1}", "f:1: a key is empty"},
};

static void test_good(void **state)
{
	check_rows(wm_conf_json_parse, good, WM_ARRAY_LEN(good));
}

static void test_bad(void **state)
{
	check_rows(wm_conf_json_parse, bad, WM_ARRAY_LEN(bad));
}

static void test_nul(void **state)
{
	static const struct row in_text = {"{\"a\":\"\0\"}",
					   "f:1: not JSON: wants '\"' at the end of text, found "
					   "the byte 0x00"};
	static const struct row outside = {"{}\0", "f:1: not JSON: wants nothing more, found the "
						   "byte 0x00"};
	check_row(wm_conf_json_parse, &in_text, 9);
	check_row(wm_conf_json_parse, &outside, 3);
}

static void test_limits(void **state)
{
	parse_fn f = wm_conf_json_parse;
	check_many(f, "{\"a\":", "[", 15, "]]]]]]]]]]]]]]]}", "");
	check_many(f, "{\"a\":", "[", 16, "]]]]]]]]]]]]]]]]}",
		   "f:1: the file is nested too deeply");
	check_many(f, "{\"a\":", "[", 10000, "", "f:1: the file is nested too deeply");
	check_many(f, "{\"a\":[1", ",1", 8189, "]}", "");
	check_many(f, "{\"a\":[1", ",1", 8190, "]}", "f:1: the file has too many entries");
	check_many(f, "{}", " ", WM_CONF_FILE_MAX - 2, "", "");
	check_many(f, "{}", " ", WM_CONF_FILE_MAX - 1, "", "f: larger than 1048576 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
