/*
 * words: counts the words of a text. It has no malloc of its own: whoever runs it supplies malloc and free.
 *
 *   table   | first | first | ... 256 ... |        words by hash; each is a block of its own
 *   word    | NEXT | COUNT | letters ... NUL |
 *
 *   clang --target=wasm32 -Oz -nostdlib -fno-builtin -Wl,--no-entry -Wl,--allow-undefined -Wl,--strip-all \
 *     -Wl,--export=__heap_base -Wl,-z,stack-size=4096 -o words.wasm words.c
 */
#define EXPORT(name) __attribute__((export_name(#name)))

void *malloc(unsigned long size);
void free(void *at);

struct word {
  struct word *next;
  unsigned count;
  char letters[];
};

static struct word *table[256];

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\''; }

static int is_same(const struct word *word, const char *text, unsigned length) {
  for (unsigned i = 0; i < length; i++)
    if (word->letters[i] != text[i]) return 0;
  return word->letters[length] == 0;
}

static int count(const char *text, unsigned length) {
  unsigned hash = 0;
  for (unsigned i = 0; i < length; i++) hash = hash * 31 + text[i];
  struct word **first = &table[hash % 256];
  for (struct word *word = *first; word != 0; word = word->next) {
    if (!is_same(word, text, length)) continue;
    word->count++;
    return 0;
  }
  struct word *word = malloc(sizeof(struct word) + length + 1);
  if (word == 0) return 0;
  word->next = *first;
  word->count = 1;
  for (unsigned i = 0; i < length; i++) word->letters[i] = text[i];
  word->letters[length] = 0;
  *first = word;
  return 1;
}

/* Counts the words of a text that ends with NUL; answers how many of them are new. */
EXPORT(count_words) unsigned count_words(const char *text) {
  unsigned fresh = 0;
  while (*text != 0) {
    const char *from = text;
    while (is_letter(*text)) text++;
    if (text > from) fresh += count(from, text - from);
    else text++;
  }
  return fresh;
}

/* The letters of the word that came most often; its count is the word of memory before them. */
EXPORT(most_often) const char *most_often(void) {
  struct word *most = 0;
  for (int i = 0; i < 256; i++)
    for (struct word *word = table[i]; word != 0; word = word->next)
      if (most == 0 || word->count > most->count) most = word;
  return most == 0 ? 0 : most->letters;
}

/* Frees all words. */
EXPORT(forget) void forget(void) {
  for (int i = 0; i < 256; i++) {
    while (table[i] != 0) {
      struct word *next = table[i]->next;
      free(table[i]);
      table[i] = next;
    }
  }
}
