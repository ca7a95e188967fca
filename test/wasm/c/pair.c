/*
 * pair: a program that knows malloc and free alone, so that its module has no other function of an allocator.
 *
 * Texts are kept in order in a binary tree, each node and each copy of a text a block of its own.
 */
#include "program.h"

struct node {
  struct node *left, *right;
  char *text;
};

static struct node *root;
static word state;

STEP void *xmalloc(word size) {
  void *at = malloc(size);
  if (at == 0) __builtin_trap();
  return at;
}

STEP char *copy_text(const char *text) {
  word size = strlen(text) + 1;
  return memcpy(xmalloc(size), text, size);
}

STEP int insert(const char *text) {
  struct node **link = &root;
  while (*link != 0) {
    int order = strcmp(text, (*link)->text);
    if (order == 0) return 0;
    link = order < 0 ? &(*link)->left : &(*link)->right;
  }
  struct node *node = xmalloc(sizeof(struct node));
  node->left = node->right = 0;
  node->text = copy_text(text);
  *link = node;
  return 1;
}

STEP word drop_tree(struct node *node) {
  if (node == 0) return 0;
  word count = 1 + drop_tree(node->left) + drop_tree(node->right);
  free(node->text);
  free(node);
  return count;
}

/* `count` texts of 1 to 20 letters a to d; answers how many different ones there were. */
EXPORT(pair_insert) word pair_insert(word seed, word count) {
  word different = 0;
  state = seed | 1;
  for (word i = 0; i < count; i++) {
    char text[24];
    word length = 0;
    do {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      text[length++] = 'a' + (state >> 7) % 4;
    } while (length < 20 && (state >> 20) % 6 != 0);
    text[length] = 0;
    different += insert(text);
  }
  return different;
}
/* Answers how many texts there were; two blocks for each are free now. */
EXPORT(pair_drop) word pair_drop(void) {
  word count = drop_tree(root);
  root = 0;
  return count;
}
