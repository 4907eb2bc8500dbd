package io.ferry.bridge;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a compiled class refers to, as its constant pool says. */
final class ClassFile {

  /** A method or field of another class. */
  static final class Member {
    final String owner;
    final String name;
    final String descriptor;

    private Member(String owner, String name, String descriptor) {
      this.owner = owner;
      this.name = name;
      this.descriptor = descriptor;
    }

    boolean isField() {
      return !descriptor.startsWith("(");
    }

    @Override
    public String toString() {
      return owner + "." + name + descriptor;
    }
  }

  private static final Pattern TYPE = Pattern.compile("L([\\w$/]+);");

  /** Of Java: 55 is 11. */
  final int majorVersion;

  /** Names with dots, of all classes in references, descriptors and annotations. */
  final TreeSet<String> classes = new TreeSet<>();

  final List<Member> members = new ArrayList<>();

  private final Object[] pool;

  ClassFile(byte[] content) throws IOException {
    DataInputStream data = new DataInputStream(new ByteArrayInputStream(content));
    if (data.readInt() != 0xCAFEBABE) {
      throw new IOException("not a class file");
    }
    data.readUnsignedShort();
    majorVersion = data.readUnsignedShort();
    pool = new Object[data.readUnsignedShort()];
    for (int i = 1; i < pool.length; i++) {
      int tag = data.readUnsignedByte();
      pool[i] = entry(tag, data);
      if (tag == 5 || tag == 6) {
        i++;
      }
    }
    for (Object entry : pool) {
      if (entry instanceof String) {
        Matcher type = TYPE.matcher((String) entry);
        while (type.find()) {
          classes.add(dotted(type.group(1)));
        }
      } else if (entry instanceof int[]) {
        resolve((int[]) entry);
      }
    }
  }

  /** A text, or {tag, index…}; tags are the JVM specification's, section 4.4. */
  private static Object entry(int tag, DataInputStream data) throws IOException {
    switch (tag) {
      case 1:
        return data.readUTF();
      case 3:
      case 4:
        data.readInt();
        return null;
      case 5:
      case 6:
        data.readLong();
        return null;
      case 7:
      case 8:
      case 16:
      case 19:
      case 20:
        return new int[] {tag, data.readUnsignedShort()};
      case 9:
      case 10:
      case 11:
      case 12:
      case 17:
      case 18:
        return new int[] {tag, data.readUnsignedShort(), data.readUnsignedShort()};
      case 15:
        data.readUnsignedByte();
        data.readUnsignedShort();
        return null;
      default:
        throw new IOException("unknown constant " + tag);
    }
  }

  private void resolve(int[] entry) {
    if (entry[0] == 7) {
      String name = (String) pool[entry[1]];
      if (!name.startsWith("[")) {
        classes.add(dotted(name));
      }
    } else if (entry[0] >= 9 && entry[0] <= 11) {
      int[] owner = (int[]) pool[entry[1]];
      int[] nameAndType = (int[]) pool[entry[2]];
      members.add(
          new Member(
              dotted((String) pool[owner[1]]),
              (String) pool[nameAndType[1]],
              (String) pool[nameAndType[2]]));
    }
  }

  private static String dotted(String name) {
    return name.replace('/', '.');
  }
}
