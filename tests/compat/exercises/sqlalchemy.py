"""Maps objects to tables in memory and queries them."""

from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

MADE_WITH = "Cython"
DISTRIBUTION = "SQLAlchemy"


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


def exercise() -> object:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for name, count in (("ann", 3), ("bob", 1)):
            session.add(Author(name=name, books=[Book(title=f"{name} {k}") for k in range(count)]))
        session.commit()
        query = (
            select(Author.name, func.count(Book.id))
            .join(Book)
            .group_by(Author.name)
            .order_by(Author.name)
        )
        counts = [tuple(row) for row in session.execute(query)]
        titles = [book.title for book in session.scalars(select(Author).limit(1)).one().books]
    engine.dispose()
    return counts, titles
