#include "platform/linux/symbols.h"
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if UINTPTR_MAX > 0xffffffffu
typedef Elf64_Ehdr elf_header;
typedef Elf64_Shdr elf_section;
typedef Elf64_Sym elf_symbol;
#else
typedef Elf32_Ehdr elf_header;
typedef Elf32_Shdr elf_section;
typedef Elf32_Sym elf_symbol;
#endif

/* Where the linker says that the program's first byte lies. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static struct {
	const char *file;
	size_t size;
	const elf_symbol *symbols;
	size_t n_symbols;
	const char *names;
	size_t names_size;
} table;

/* True when @n entries of @size bytes at @at lie inside the file. */
static bool has(uint64_t at, uint64_t n, uint64_t size)
{
	return at <= table.size && n <= (table.size - at) / size;
}

static void find_table(void)
{
	const elf_header *h = (const void *)table.file;
	const elf_section *s;

	if (!has(0, 1, sizeof(*h)) || !has(h->e_shoff, h->e_shnum, sizeof(*s)))
		return;
	s = (const void *)(table.file + h->e_shoff);
	for (unsigned i = 0; i < h->e_shnum; i++) {
		if (s[i].sh_type != SHT_SYMTAB || s[i].sh_link >= h->e_shnum ||
		    !has(s[i].sh_offset, s[i].sh_size, 1))
			continue;
		const elf_section *names = &s[s[i].sh_link];
		if (!has(names->sh_offset, names->sh_size, 1) || names->sh_size == 0 ||
		    table.file[names->sh_offset + names->sh_size - 1] != '\0')
			continue;
		table.symbols = (const void *)(table.file + s[i].sh_offset);
		table.n_symbols = s[i].sh_size / sizeof(elf_symbol);
		table.names = table.file + names->sh_offset;
		table.names_size = names->sh_size;
	}
}

void wm_symbols_open(void)
{
	struct stat st;
	int fd = table.file == NULL ? open("/proc/self/exe", O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (p != MAP_FAILED) {
			table.file = p;
			table.size = (size_t)st.st_size;
			find_table();
		}
	}
	close(fd);
}

const char *wm_symbols_find(uintptr_t address, uintptr_t *offset)
{
	const elf_header *h = (const void *)table.file;
	uintptr_t at = address;

	if (table.n_symbols == 0)
		return NULL;
	if (h->e_type == ET_DYN)
		at -= (uintptr_t)__ehdr_start;
	for (size_t i = 0; i < table.n_symbols; i++) {
		const elf_symbol *s = &table.symbols[i];

		/* The types are the same numbers in both classes. */
		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || at < s->st_value ||
		    at - s->st_value >= s->st_size || s->st_name >= table.names_size)
			continue;
		*offset = at - s->st_value;
		return table.names + s->st_name;
	}
	return NULL;
}
